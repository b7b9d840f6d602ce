// Runs ONNX models in ONNX Runtime: node run.mjs FOLDER FIRST
// FOLDER/cases.json lists them: [{ "model": FILE, "data": FILE, "inputs": [{ "name", "type", "dims", "offset", "bytes" } or { "name", "type": "string", "dims", "strings" }] or null }];
// data holds the inputs' elements in little-endian order, and where inputs are null the model is only loaded.
// Beginning with case FIRST, a line a case is appended to FOLDER/results.jsonl, so that what ends the process tells which case it was:
// { "data": FILE, "outputs": { NAME: { "type", "dims", "offset", "bytes" or "strings" } } } or { "phase": "load" or "run", "error": TEXT }.
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ort from 'onnxruntime-node';

const elements = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, bool: Uint8Array, int4: Int8Array, uint4: Uint8Array,
  int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
};

function tensor({ type, dims, offset, bytes, strings }, data) {
  if (strings) return new ort.Tensor('string', strings, dims);
  const own = data.buffer.slice(data.byteOffset + offset, data.byteOffset + offset + bytes);
  return new ort.Tensor(type, new elements[type](own), dims);
}

async function run(index, { model, data, inputs }) {
  let phase = 'load';
  try {
    const session = await ort.InferenceSession.create(join(folder, model), { logSeverityLevel: 4, intraOpNumThreads: 1, interOpNumThreads: 1 });
    try {
      if (!inputs) return { outputs: {} };
      phase = 'run';
      const bytes = await readFile(join(folder, data));
      const got = await session.run(Object.fromEntries(inputs.map(input => [input.name, tensor(input, bytes)])));
      const outputs = {}, parts = [];
      let offset = 0;
      for (const [name, value] of Object.entries(got)) {
        if (!value.dims) throw new Error(`the output '${name}' is not a tensor`);
        const { type, dims, data } = value;
        if (type === 'string') { outputs[name] = { type, dims, strings: Array.from(data) }; continue; }
        parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
        outputs[name] = { type, dims, offset, bytes: data.byteLength };
        offset += data.byteLength;
      }
      const file = `result.${index}.bin`;
      await writeFile(join(folder, file), Buffer.concat(parts));
      return { data: file, outputs };
    } finally {
      await session.release();
    }
  } catch (error) {
    return { phase, error: String(error.message ?? error) };
  }
}

const folder = process.argv[2];
const cases = JSON.parse(await readFile(join(folder, 'cases.json'), 'utf8'));
for (let index = Number(process.argv[3] ?? 0); index < cases.length; index++) {
  const result = await run(index, cases[index]);
  await appendFile(join(folder, 'results.jsonl'), JSON.stringify(result) + '\n');
}
