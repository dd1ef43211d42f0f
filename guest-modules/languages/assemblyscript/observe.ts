// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.

/** A JSON string in which each byte of the text in UTF-8 is one character. */
function quoted(text: string): string {
  return quotedBytes(Uint8Array.wrap(String.UTF8.encode(text)));
}

function quotedBytes(bytes: Uint8Array): string {
  const pieces = new Array<string>();
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte < 0x20 || byte > 0x7e || byte == 0x22 || byte == 0x5c) {
      pieces.push("\\u" + byte.toString(16).padStart(4, "0"));
    } else {
      pieces.push(String.fromCharCode(byte));
    }
  }
  return '"' + pieces.join("") + '"';
}

function fnv1a64(bytes: Uint8Array): string {
  let hash: u64 = 0xcbf29ce484222325;
  for (let i = 0; i < bytes.length; i++) hash = (hash ^ u64(bytes[i])) * 0x100000001b3;
  return hash.toString(16).padStart(16, "0");
}

function readStdin(): Uint8Array {
  const piece = new ArrayBuffer(65536);
  let body = new Uint8Array(0);
  let length = 0;
  let count: i32;
  while ((count = process.stdin.read(piece)) > 0) {
    if (length + count > body.length) {
      const larger = new Uint8Array(2 * (length + count));
      larger.set(body);
      body = larger;
    }
    body.set(Uint8Array.wrap(piece, 0, count), length);
    length += count;
  }
  return body.subarray(0, length);
}

function report(body: Uint8Array): string {
  const arguments = process.argv.map<string>((argument) => quoted(argument));
  const variables = process.env.keys().map<string>((name) => `[${quoted(name)},${quoted(process.env.get(name))}]`);
  return (
    `{"args":[${arguments.join(",")}],"env":[${variables.join(",")}],` +
    `"stdin":{"length":${body.length},"text":${quotedBytes(body.subarray(0, 65536))},` +
    `"fnv1a64":"${fnv1a64(body)}","eof":true}}`
  );
}

const body = readStdin();
const switches = process.argv.slice(1);
if (switches.includes("stderr")) process.stderr.write("stderr-marker\n");
if (switches.includes("large")) {
  process.stdout.write("Content-Type: text/plain\n\n");
  process.stdout.write("0123456789abcdef".repeat((1 << 20) / 16));
} else if (switches.includes("non-ascii")) {
  process.stdout.write("Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n");
} else {
  process.stdout.write("Content-Type: application/json\n\n" + report(body) + "\n");
}
if (switches.includes("exit")) process.exit(0);
