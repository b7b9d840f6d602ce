// ONNX Runtime's side of differentiation.py: node onnxruntime_peer.mjs SETTINGS, where SETTINGS is the JSON that the others get, and "runtime", the folder
// whose node_modules has onnxruntime-node, and "dims" and "type" of the input, whose elements are in the file "raw".
import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';

const settings = JSON.parse(process.argv[2]);
const ort = createRequire(join(resolve(settings.runtime), 'package.json'))('onnxruntime-node');
const say = answer => process.stdout.write(JSON.stringify(answer) + '\n');

const session = await ort.InferenceSession.create(settings.model, { logSeverityLevel: 3, intraOpNumThreads: settings.threads, interOpNumThreads: 1 });
const bytes = await readFile(settings.raw);
const elements = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const input = settings.type === 'int64' ? new BigInt64Array(elements) : new Float32Array(elements);
const feeds = { [session.inputNames[0]]: new ort.Tensor(settings.type, input, settings.dims) };
const run = async () => (await session.run(feeds))[session.outputNames[0]];

await run();
say({});
for await (const line of createInterface({ input: process.stdin })) {
  const [word, rest] = line.split(' ', 2);
  if (word === 'run') {
    const times = [], began = performance.now();
    do {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    } while (performance.now() - began < 1000 * Number(rest));
    times.sort((a, b) => a - b);
    say({ Ms: (times[(times.length - 1) >> 1] + times[times.length >> 1]) / 2 });
  } else if (word === 'save') {
    const output = await run();
    await mkdir(rest, { recursive: true });
    await writeFile(join(rest, 'output.raw'), Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength));
    say({});
  } else if (word === 'memory') {
    say({ Bytes: 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) });
  } else throw new Error(`'${line}' is no request`);
}
