'use strict';
// A WAGI server: Node's HTTP server in front of Node's WASI. One file, no dependencies; see README.md.
//
// The main thread speaks HTTP and decides; guests run in worker threads, so that one which loops can be ended.
// Start of the file: main thread (configuration, request, response, pool). End: worker thread (the guest itself).

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const util = require('node:util');
const v8 = require('node:v8');
const vm = require('node:vm');
const { WASI } = require('node:wasi');
const { Worker, isMainThread, parentPort, threadId, workerData } = require('node:worker_threads');

const MIB = 1024 * 1024;
const LIMITS = {
  requestBody: 32 * MIB,
  output: 32 * MIB,
  pagesOfMemory: 4096, // of 64 KiB each: 256 MiB for each guest
  runMilliseconds: 5000,
  workers: 16, // guests at the same time
  waiting: 1000, // requests that wait for a worker
  closingMilliseconds: 2000, // for a client to read the last response before its connection is cut
};

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110 section 5.6.2
const trim = (text) => text.replace(/^[ \t]+|[ \t]+$/g, '');

/** Something that the client is told with a status of its own. */
class Refusal extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// ---------------------------------------------------------------- configuration

/** Reads and checks the configuration. Throws what the operator needs to know. */
function readConfiguration(file) {
  const config = JSON.parse(fs.readFileSync(file, 'utf8'));
  const folder = path.dirname(path.resolve(file));
  onlyMembers(config, ['environment', 'routes'], 'the configuration');

  const environment = config.environment ?? {};
  for (const [name, value] of Object.entries(environment)) {
    if (!/^[^=\0]+$/.test(name) || typeof value !== 'string' || value.includes('\0')) {
      throw new Error(`environment: ${JSON.stringify(name)} cannot be set to ${JSON.stringify(value)}`);
    }
  }
  if (!Array.isArray(config.routes)) throw new Error('routes: not an array');

  const modules = new Map(); // by file: each is compiled once
  const seen = new Set();
  const routes = config.routes.map((entry) => {
    const where = `route ${JSON.stringify(entry?.route)}`;
    try {
      const route = readRoute(entry, folder, modules);
      if (seen.has(route.route)) throw new Error('written twice');
      seen.add(route.route);
      return route;
    } catch (error) {
      throw new Error(`${where}: ${error.message}`);
    }
  });
  return { environment, routes, modules };
}

function readRoute(entry, folder, modules) {
  onlyMembers(entry, ['route', 'module', 'entrypoint', 'argv', 'volumes'], 'the route');
  for (const name of ['route', 'module', 'entrypoint', 'argv']) {
    if (typeof (entry[name] ?? '') !== 'string') throw new Error(`${name}: not a string`);
  }
  if (!/^\/[^?#]*$/.test(entry.route ?? '')) throw new Error('route: not an absolute path');
  if (!entry.module) throw new Error('module: missing');

  const file = path.resolve(folder, entry.module);
  if (!modules.has(file)) modules.set(file, compile(file));
  const entrypoint = entry.entrypoint ?? '_start';
  const kinds = new Map(WebAssembly.Module.exports(modules.get(file)).map((item) => [item.name, item.kind]));
  if (kinds.get(entrypoint) !== 'function') throw new Error(`${file} exports no function ${entrypoint}`);
  if (kinds.get('memory') !== 'memory') throw new Error(`${file} exports no memory`);

  const volumes = {};
  for (const [guestPath, hostPath] of Object.entries(entry.volumes ?? {})) {
    volumes[guestPath] = path.resolve(folder, hostPath);
    if (!fs.statSync(volumes[guestPath]).isDirectory()) throw new Error(`${hostPath} is not a folder`);
  }
  const wildcard = entry.route.endsWith('/...');
  const prefix = wildcard ? entry.route.slice(0, -'/...'.length) : entry.route;
  return { route: entry.route, wildcard, prefix, file, entrypoint, argv: entry.argv, volumes };
}

function compile(file) {
  const octets = fs.readFileSync(file);
  if (!WebAssembly.validate(octets)) throw new Error(`${file} is not a valid WebAssembly module`);
  const module = new WebAssembly.Module(octets);
  const provided = new WASI({ version: 'preview1' }).getImportObject();
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== 'function' || !Object.hasOwn(provided, from) || !Object.hasOwn(provided[from], name)) {
      throw new Error(`${file} imports ${from}.${name}, which is not provided`);
    }
  }
  return module;
}

function onlyMembers(object, names, what) {
  if (object === null || typeof object !== 'object' || Array.isArray(object)) throw new Error(`${what}: not an object`);
  const unknown = Object.keys(object).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${what} has an unknown member ${JSON.stringify(unknown)}`);
}

// ---------------------------------------------------------------- from the request to the guest

/** The first route of the table that matches, or undefined. */
function findRoute(routes, requestPath) {
  return routes.find(({ wildcard, prefix }) =>
    requestPath === prefix || (wildcard && requestPath.startsWith(`${prefix}/`)));
}

/** Splits the target (RFC 9112 section 3.2) into authority, path and query; the authority is undefined in origin form. */
function splitTarget(target) {
  const [, authority, requestPath, query] = /^(?:https?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/is.exec(target);
  return { authority, requestPath: requestPath || (authority === undefined ? '' : '/'), query };
}

/** The host and port that the client addressed. */
function serverAddress(authority, socket) {
  const match = /^(\[[0-9a-f:.]+\]|[0-9a-z._~!$&'()*+,;=%-]*)(?::([0-9]*))?$/i.exec(authority);
  if (!match) throw new Refusal(400, 'The host is not valid.');
  const own = plainAddress(socket.localAddress);
  const host = match[1] || (own.includes(':') ? `[${own}]` : own);
  const port = Number(match[2] || socket.localPort);
  if (port < 1 || port > 65535) throw new Refusal(400, 'The port is not valid.');
  return { host, port };
}

/** An IPv4 address inside IPv6 as IPv4; an IPv6 address without its zone. */
function plainAddress(address = '') {
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, '').replace(/%.*$/, '');
}

/** RFC 3875 section 4.1.5: decoded once. */
function decodePath(text) {
  let decoded;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw new Refusal(400, 'The path is not percent-encoded UTF-8.'); // node:wasi could not pass other bytes on
  }
  if (decoded.includes('\0')) throw new Refusal(400, 'The path holds a NUL.');
  return decoded;
}

const WITHHELD = new Set([
  'authorization', 'proxy-authorization', 'content-type', 'content-length', 'proxy',
  'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade',
]);

/** The request's fields as variables. Names with characters other than letters, digits and "-" are left out. */
function fieldVariables(rawHeaders) {
  const variables = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (WITHHELD.has(name.toLowerCase()) || !/^[0-9a-z-]+$/i.test(name)) continue;
    const variable = `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;
    const value = trim(rawHeaders[i + 1]);
    const separator = variable === 'HTTP_COOKIE' ? '; ' : ', ';
    variables[variable] = variable in variables ? variables[variable] + separator + value : value;
  }
  return variables;
}

/** What the guest is told: its variables and its arguments. Throws a Refusal where no guest may run. */
function describeRequest(request, body, route, target, config) {
  const { socket, headers, rawHeaders } = request;
  const hosts = rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host').length;
  if (hosts > 1) throw new Refusal(400, 'There are several Host fields.');
  const authority = target.authority ?? headers.host ?? '';
  const { host, port } = serverAddress(authority, socket);
  const scheme = socket.encrypted ? 'https' : 'http';
  const remainder = route.wildcard ? target.requestPath.slice(route.prefix.length) : '';
  const pathInfo = decodePath(remainder);
  const peer = plainAddress(socket.remoteAddress);
  const hasBody = body.length > 0 || 'content-length' in headers;
  const question = target.query === undefined ? '' : '?';

  const variables = {
    ...fieldVariables(rawHeaders),
    CONTENT_LENGTH: hasBody ? String(body.length) : '',
    CONTENT_TYPE: trim(headers['content-type'] ?? ''),
    GATEWAY_INTERFACE: 'CGI/1.1',
    PATH_INFO: pathInfo,
    PATH_TRANSLATED: pathInfo,
    QUERY_STRING: target.query ?? '',
    REMOTE_ADDR: peer,
    REMOTE_HOST: peer,
    REQUEST_METHOD: request.method,
    SCRIPT_NAME: route.prefix,
    SERVER_NAME: host,
    SERVER_PORT: String(port),
    SERVER_PROTOCOL: `HTTP/${request.httpVersion}`,
    SERVER_SOFTWARE: 'node-wagi/1',
    X_FULL_URL: `${scheme}://${authority || `${host}:${port}`}${target.requestPath}${question}${target.query ?? ''}`,
    X_MATCHED_ROUTE: route.route,
    X_RAW_PATH_INFO: remainder,
  };
  return {
    env: { ...config.environment, ...variables },
    args: route.argv === undefined
      ? [route.prefix, ...(target.query ? target.query.split('&') : [])]
      : expandTemplate(route.argv, route.prefix, target.query ?? ''),
  };
}

/** Variables are replaced in one pass, so that text from the request is never expanded. */
function expandTemplate(template, scriptName, query) {
  const expanded = template.replace(/\$\{(SCRIPT_NAME|ARGS)\}/g, (whole, name) =>
    name === 'ARGS' ? query.replaceAll('&', ' ') : scriptName);
  return expanded.split(/[ \t]+/).filter((word) => word !== '');
}

/** The whole body. A body that ends too soon rejects. One that is too long is read, but not kept. */
async function readBody(request) {
  let chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= LIMITS.requestBody) chunks.push(chunk);
    else chunks = [];
  }
  if (length > LIMITS.requestBody) throw new Refusal(413, 'The body is too long.');
  return Buffer.concat(chunks);
}

// ---------------------------------------------------------------- from the guest's output to the response

const CGI_FIELDS = ['content-type', 'status', 'location'];
const OURS = new Set([ // fields of the connection and of framing, which are the server's own matter
  'connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
]);

/** Reads a guest's output (RFC 3875 section 6). Throws if it is not valid. */
function parseOutput(output) {
  const fields = []; // pairs of name and value, each octet one character
  const cgi = new Map();
  let at = 0;
  for (;;) {
    const end = output.indexOf('\n', at);
    if (end < 0) throw new Error('no empty line ends the head');
    const line = output.latin1Slice(at, end).replace(/\r$/, '');
    at = end + 1;
    if (line === '') break;

    const colon = line.indexOf(':');
    const [name, value] = [line.slice(0, Math.max(colon, 0)), trim(line.slice(colon + 1))];
    if (!TOKEN.test(name)) throw new Error(`not a field: ${JSON.stringify(line)}`);
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) throw new Error(`not a valid value: ${JSON.stringify(line)}`);
    const key = name.toLowerCase();
    if (CGI_FIELDS.includes(key)) {
      if (value === '') continue;
      if (cgi.has(key)) throw new Error(`${name} occurs twice`);
      cgi.set(key, value);
    }
    if (key !== 'status' && !OURS.has(key)) fields.push([name, value]);
  }
  if (cgi.size === 0) throw new Error('none of Content-Type, Status and Location');

  const absolute = /^[a-z][a-z0-9+.-]*:/i.test(cgi.get('location') ?? '');
  const [, status] = /^(\d{3})(?: .*)?$/s.exec(cgi.get('status') ?? (cgi.has('location') ? '302' : '200')) ?? [];
  if (!(status >= 200 && status <= 599)) throw new Error(`not a final status: ${cgi.get('status')}`);
  return { status: Number(status), fields, body: output.subarray(at) };
}

function respond(request, response, { status, fields, body: written }) {
  // Node leaves out the body for 204 and 304, but not for 205 (RFC 9110 section 15.3.6).
  const body = status === 205 ? Buffer.alloc(0) : written;
  response.statusCode = status;
  for (const [name, value] of fields) response.appendHeader(name, value);
  // A guest may leave the body out for HEAD: then its length says nothing about GET (RFC 9110 section 8.6).
  if (request.method !== 'HEAD' && status !== 204 && status !== 304) response.setHeader('Content-Length', body.length);
  response.end(body);
}

function respondWithError(request, response, status, text) {
  if (response.headersSent || response.destroyed) return;
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  respond(request, response, { status, fields: [['Content-Type', 'text/plain']], body: Buffer.from(`${text}\n`) });
}

async function serve(request, response, config, pool) {
  try {
    request.socket.latest = { request, response };
    if (request.method === 'OPTIONS' && request.url === '*') {
      return respond(request, response, { status: 204, fields: [], body: Buffer.alloc(0) });
    }
    const target = splitTarget(request.url);
    const route = findRoute(config.routes, target.requestPath);
    if (!route) throw new Refusal(404, 'There is nothing here.');
    const body = await readBody(request);
    const { env, args } = describeRequest(request, body, route, target, config);
    const { file, entrypoint, volumes } = route;
    const output = await pool.run({ file, entrypoint, volumes, env, args, body });
    respond(request, response, parseOutput(output));
  } catch (error) {
    if (error instanceof Refusal) {
      respondWithError(request, response, error.status, error.message);
    } else {
      console.error(`${request.method} ${request.url}: ${error.message}`);
      respondWithError(request, response, 500, 'The guest failed.');
    }
  }
}

/**
 * Answers octets that Node's parser refuses. Node's own way would cut the connection at once: the answer could be lost
 * with it, and so could the answers to complete requests before these octets.
 */
function refuse(error, socket) {
  if (socket.refused) return; // Node reports this again for whatever follows
  socket.refused = true;
  const { request, response } = socket.latest ?? {};
  const answered = request && !request.complete && response.headersSent; // the octets are of a body; nothing is to be said
  if (!/^HPE_|^ERR_HTTP_/.test(error.code) || !socket.writable || answered) return socket.destroy();

  let status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code] ?? 400;
  const unknownMethod = error.code === 'HPE_INVALID_METHOD' && /^[^\s:,/]+ \S+ HTTP\/1\.[01]\r?\n/.test(error.rawPacket);
  if (unknownMethod) status = 501; // RFC 9110 section 9.1
  const answer = () => {
    socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    setTimeout(() => socket.destroy(), LIMITS.closingMilliseconds).unref();
  };
  if (request?.complete && !response.writableFinished) response.once('close', answer);
  else answer();
}

// ---------------------------------------------------------------- the pool of workers

/** Runs guests in worker threads: one guest at a time in each, more threads when all are busy, up to a limit. */
class Pool {
  constructor(modules) {
    this.modules = modules;
    this.idle = [];
    this.count = 0;
    this.waiting = [];
    for (let i = 0; i < os.availableParallelism(); i++) this.idle.push(this.start());
  }

  /** Resolves to the output of a guest that ended well. */
  run(job) {
    if (this.waiting.length >= LIMITS.waiting) return Promise.reject(new Refusal(503, 'The server is busy.'));
    return new Promise((resolve, reject) => {
      this.waiting.push({ job, resolve, reject });
      this.next();
    });
  }

  next() {
    if (this.waiting.length === 0) return;
    const worker = this.idle.pop() ?? (this.count < LIMITS.workers ? this.start() : undefined);
    if (!worker) return;
    worker.task = this.waiting.shift();
    worker.timer = setTimeout(() => this.end(worker, new Error('the guest ran too long')), LIMITS.runMilliseconds);
    worker.postMessage(worker.task.job);
  }

  start() {
    const worker = new Worker(__filename, { workerData: this.modules, execArgv: ['--no-warnings'] });
    this.count += 1;
    worker.on('message', ({ output, failure }) => {
      if (!worker.task) return; // it was given up a moment ago
      clearTimeout(worker.timer);
      const { resolve, reject } = worker.task;
      worker.task = undefined;
      if (output) resolve(Buffer.from(output.buffer, output.byteOffset, output.byteLength));
      else reject(new Error(failure));
      this.idle.push(worker);
      this.next();
    });
    worker.on('error', (error) => this.end(worker, error));
    worker.on('exit', () => this.end(worker, new Error('the worker ended')));
    return worker;
  }

  /** Gives a worker up, and with it the guest in it. */
  end(worker, error) {
    if (worker.ended) return;
    worker.ended = true;
    this.count -= 1;
    this.idle = this.idle.filter((other) => other !== worker);
    clearTimeout(worker.timer);
    worker.task?.reject(error);
    worker.task = undefined;
    worker.terminate();
    this.next();
  }
}

// ---------------------------------------------------------------- main

function main() {
  const { values: options } = util.parseArgs({
    options: Object.fromEntries(['config', 'listen', 'tls-cert', 'tls-key'].map((name) => [name, { type: 'string' }])),
  });
  if (!options.config) throw new Error('--config FILE is missing');
  const [, host, port] = /^(.+):(\d+)$/.exec(options.listen ?? '127.0.0.1:0') ?? [];
  if (port === undefined) throw new Error('--listen: not ADDRESS:PORT');
  const tls = options['tls-cert'] !== undefined;
  if (tls !== (options['tls-key'] !== undefined)) throw new Error('--tls-cert and --tls-key go together');

  const config = readConfiguration(options.config);
  const pool = new Pool(config.modules);
  const handler = (request, response) => void serve(request, response, config, pool);
  const server = tls
    ? https.createServer({ cert: fs.readFileSync(options['tls-cert']), key: fs.readFileSync(options['tls-key']) }, handler)
    : http.createServer(handler);
  server.on('clientError', refuse);
  server.maxHeadersCount = 0; // Node drops fields beyond this number; their size is limited all the same
  server.on('error', fail);
  server.listen(Number(port), host.replace(/^\[(.*)\]$/, '$1'), () => {
    console.log(`listening on ${tls ? 'https' : 'http'}://${host}:${server.address().port}`);
  });
}

function fail(error) {
  console.error(`node-wagi: ${error.message}`);
  process.exit(1);
}

// ---------------------------------------------------------------- the worker: one guest after the other

let held = []; // what guests used, until it can be freed safely

function work(modules) {
  // With many guests, garbage would be collected in the middle of calls of node:wasi, which Node 20 does not always survive
  // (uvwasi_destroy below uvwasi_fd_read). So these objects are held here, and collected between guests.
  v8.setFlagsFromString('--expose-gc');
  const collectGarbage = vm.runInNewContext('gc');
  let count = 0;
  parentPort.on('message', (job) => {
    try {
      count += 1;
      const output = runGuest(modules.get(job.file), job, `${os.tmpdir()}/node-wagi-${process.pid}-${threadId}-${count}`);
      parentPort.postMessage({ output }, [output.buffer]);
    } catch (error) {
      parentPort.postMessage({ failure: String(error.message) });
    }
    if (count % 16 === 0) {
      held = [];
      collectGarbage();
    }
  });
}

/** Runs a fresh instance of a module to its end and gives what it wrote. Throws if it failed. */
function runGuest(module, { entrypoint, volumes, env, args, body }, temporaryName) {
  const stdin = openNameless(`${temporaryName}-in`);
  const stdout = openNameless(`${temporaryName}-out`);
  let wasi;
  try {
    fs.writeSync(stdin, body, 0, body.length, 0); // by position: reading starts at 0
    wasi = new WASI({ version: 'preview1', args, env, preopens: volumes, stdin, stdout, stderr: 2 });
    const imports = wasi.getImportObject();
    const instance = new WebAssembly.Instance(module, withGuards(imports, () => instance.exports.memory));
    held.push(wasi, imports, instance);
    // WASI.start calls _start; given this object, it calls the configured function.
    const code = wasi.start({ exports: { memory: instance.exports.memory, _start: instance.exports[entrypoint] } });
    if (code !== 0) throw new Error(`the guest ended with code ${code}`);

    const output = new Uint8Array(fs.fstatSync(stdout).size);
    if (output.length > LIMITS.output) throw new Error('the output is too long');
    for (let at = 0; at < output.length;) at += fs.readSync(stdout, output, at, output.length - at, at);
    return output;
  } finally {
    // Nothing else closes the folders that node:wasi opened, and the files that the guest left open.
    if (Object.keys(volumes).length > 0) for (let fd = 3; fd < 1024; fd++) wasi?.wasiImport.fd_close(fd);
    fs.closeSync(stdin);
    fs.closeSync(stdout);
  }
}

/** A new file without a name, so that nothing is left over however this process ends. */
function openNameless(name) {
  const fd = fs.openSync(name, 'wx+', 0o600);
  fs.unlinkSync(name);
  return fd;
}

/**
 * Guards what node:wasi leaves open. Descriptors belong to the whole process: a guest that closed or replaced 0, 1 or 2
 * would do so for the server, and could then read what another thread opens under the same number.
 */
function withGuards(imports, memory) {
  const [SUCCESS, NOT_SUPPORTED] = [0, 58];
  let written = 0;
  for (const wasi of Object.values(imports)) {
    const { fd_close: close, fd_renumber: renumber, fd_write: write } = wasi;
    wasi.fd_close = (fd) => (fd >>> 0 < 3 ? SUCCESS : close(fd));
    wasi.fd_renumber = (from, to) => (from >>> 0 < 3 || to >>> 0 < 3 ? NOT_SUPPORTED : renumber(from, to));
    wasi.fd_write = (fd, vectors, length, result) => {
      const errno = write(fd, vectors, length, result);
      if (fd === 1 && errno === SUCCESS) written += new DataView(memory().buffer).getUint32(result >>> 0, true);
      if (written > LIMITS.output) throw new Error('the output is too long');
      return errno;
    };
  }
  return imports;
}

// Node 20's WASI allocates in its fast calls, where V8 allows no garbage collection: the heap is corrupted now and then.
v8.setFlagsFromString('--no-turbo-fast-api-calls');
v8.setFlagsFromString(`--wasm-max-mem-pages=${LIMITS.pagesOfMemory}`);
if (isMainThread) {
  try {
    main();
  } catch (error) {
    fail(error);
  }
} else {
  work(workerData);
}
