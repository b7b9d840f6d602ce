// Runs ONNX models in ONNX Runtime: node run.mjs FOLDER
// FOLDER/cases.json lists them: [{ "model": FILE, "inputs": [{ "name", "dims", "file" }] }], inputs as raw float32.
// Outputs are written as raw float32 too, and FOLDER/results.json lists them: [{ "outputs": { NAME: { "dims", "file" } } } or { "error": TEXT }].
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ort from 'onnxruntime-node';

const folder = process.argv[2];
const cases = JSON.parse(await readFile(join(folder, 'cases.json'), 'utf8'));
const results = [];
for (const [index, { model, inputs }] of cases.entries()) {
  try {
    const session = await ort.InferenceSession.create(join(folder, model), { logSeverityLevel: 3 });
    const feeds = {};
    for (const { name, dims, file } of inputs) {
      const bytes = await readFile(join(folder, file));
      feeds[name] = new ort.Tensor('float32', new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4), dims);
    }
    const got = await session.run(feeds);
    const outputs = {};
    for (const [number, name] of session.outputNames.entries()) {
      const { dims, data } = got[name];
      const file = `result.${index}.${number}.bin`;
      await writeFile(join(folder, file), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      outputs[name] = { dims, file };
    }
    await session.release();
    results.push({ outputs });
  } catch (error) {
    results.push({ error: String(error.message ?? error) });
  }
}
await writeFile(join(folder, 'results.json'), JSON.stringify(results));
