// Runs a module under node:wasi; README.md has the protocol.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import v8 from 'node:v8';
import { WASI } from 'node:wasi';

// Node 20's WASI allocates in its fast calls, where V8 allows no garbage collection: the heap is corrupted now and then.
v8.setFlagsFromString('--no-turbo-fast-api-calls');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'on-node-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true }));

const { module: file, runs } = JSON.parse(fs.readFileSync(0, 'utf8'));
for (const run of runs) {
  fs.writeSync(1, `${JSON.stringify(carryOut(file, run))}\n`);
}

function carryOut(file, { args, env, stdin, folders = {} }) {
  const name = (stream) => path.join(folder, stream);
  fs.writeFileSync(name('stdin'), Buffer.from(stdin, 'base64'));
  const input = fs.openSync(name('stdin'), 'r');
  const output = fs.openSync(name('stdout'), 'w');
  const errors = fs.openSync(name('stderr'), 'w');
  const result = endOf(file, {
    version: 'preview1',
    args,
    env: Object.fromEntries(env),
    preopens: folders,
    stdin: input,
    stdout: output,
    stderr: errors,
    returnOnExit: true,
  });
  for (const descriptor of [input, output, errors]) fs.closeSync(descriptor);
  const written = (stream) => fs.readFileSync(name(stream), 'base64');
  return { stdout: written('stdout'), stderr: written('stderr'), ...result };
}

/** How the guest ended, and why. */
function endOf(file, options) {
  const wasi = new WASI(options);
  const imports = wasi.getImportObject();
  // start() gives 0 for a return and for exit code 0.
  let code;
  const { proc_exit: exit } = imports.wasi_snapshot_preview1;
  imports.wasi_snapshot_preview1.proc_exit = (number) => {
    code = number >>> 0;
    return exit(number);
  };

  let instance;
  try {
    instance = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(file)), imports);
    if (typeof instance.exports._start !== 'function') throw new TypeError('no function _start is exported');
  } catch (error) {
    return { end: 'refused', why: String(error) };
  }
  try {
    wasi.start(instance);
    if (code === undefined) return { end: 'returned', why: '' };
    return code > 125 ? { end: 'exit beyond 125', why: `exit code ${code}` } : { end: `exit ${code}`, why: '' };
  } catch (error) {
    // A full stack is a RangeError, every other trap a RuntimeError.
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
      return { end: 'trap', why: String(error) };
    }
    throw error;
  }
}
