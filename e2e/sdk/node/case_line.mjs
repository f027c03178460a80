// The protocol between a script and the Go test that started it: one JSON line
// per case, {case, ok, status, detail}. See ../python/case_line.py.
import { createHash } from 'node:crypto';

export const keyBase = process.env.E2E_KEY_BASE; // asks for a subscription key
export const tokenBase = process.env.E2E_TOKEN_BASE; // asks for a token
export const key = process.env.E2E_KEY;
export const token = process.env.E2E_TOKEN;
export const otherKey = process.env.E2E_OTHER_KEY; // a secret of somebody else

export const apiVersion = '2024-10-21';
export const model = 'gpt-4o';
export const embeddingModel = 'text-embedding-3-small';
export const field = 'x-e2e-case'; // the recorder tells the cases apart by it

const cases = new Map();

export function register(name, run) {
  if (cases.has(name)) throw new Error(`case ${name} is there twice`);
  cases.set(name, run);
}

export const prompt = (name) => `say ${name}`;

// The look-alike repeats the prompt and explains itself, always alike.
export function checkText(name, text) {
  if (!text.startsWith(`You said: ${prompt(name)}\n`) || !text.endsWith('holds them back.')) {
    throw new Error(`not the whole answer: ${JSON.stringify(text)}`);
  }
}

export async function checkStream(name, pieces) {
  const all = [];
  for await (const piece of pieces) if (piece) all.push(piece);
  if (all.length < 20) throw new Error(`${all.length} pieces: the answer did not come word by word`);
  checkText(name, all.join(''));
}

export function checkVector(vector) {
  const square = vector.reduce((sum, v) => sum + v * v, 0);
  if (vector.length !== 1536 || Math.abs(square - 1) > 1e-3) {
    throw new Error(`not a unit vector of 1536 numbers: ${vector.length} of them`);
  }
}

export const upload = Buffer.alloc(300_000, 'sixteen letters ');

export function checkUpload(file) {
  const want = {
    filename: 'lines.jsonl', bytes: upload.length, purpose: 'fine-tune',
    sha256: createHash('sha256').update(upload).digest('hex'),
  };
  for (const [name, value] of Object.entries(want)) {
    if (file[name] !== value) throw new Error(`${name}: got ${file[name]}, want ${value}`);
  }
}

function statusOf(error) {
  for (let e = error; e; e = e.lastError ?? e.cause) {
    const status = e.status ?? e.statusCode;
    if (Number.isInteger(status)) return status;
  }
  return 0;
}

export async function main(finish = () => {}) {
  const named = process.argv.slice(2);
  for (const name of named.length > 0 ? named : cases.keys()) {
    let line = { case: name, ok: true, status: 0, detail: '' };
    try {
      line.detail = String((await cases.get(name)(name)) ?? '');
    } catch (error) {
      line = { case: name, ok: false, status: statusOf(error), detail: String(error).slice(0, 2000) };
    }
    console.log(JSON.stringify(line));
  }
  await finish();
  process.exit(0); // pooled connections of some SDKs would hold the process
}
