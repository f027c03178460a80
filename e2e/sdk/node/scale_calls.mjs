// Calls by the openai package, some at a time, for as long as it is told to: see
// ../python/scale_calls.py, whose protocol this is.
import { createInterface } from 'node:readline';
import { OpenAI } from 'openai';
import { checkStream, checkText, field, key, keyBase, model, prompt } from './case_line.mjs';

const workers = 6;
const client = new OpenAI({ baseURL: `${keyBase}/openai/v1`, apiKey: key, maxRetries: 0, timeout: 20_000 });
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// ask returns the pieces of an answer, and throws what the SDK throws.
async function ask(name, stream) {
  const given = { model, messages: [{ role: 'user', content: prompt(name) }], stream };
  const answer = await client.chat.completions.create(given, { headers: { [field]: name } });
  if (!stream) return answer.choices[0].message.content;
  const pieces = [];
  for await (const chunk of answer) pieces.push(chunk.choices[0]?.delta.content);
  return pieces;
}

async function call(name) {
  const stream = Math.random() < 0.5;
  let answer;
  try {
    answer = await ask(name, stream);
  } catch (error) {
    return ['failed', error];
  }
  try {
    await (stream ? checkStream : checkText)(name, answer);
  } catch (error) {
    return ['short', error];
  }
  return ['ok'];
}

let number = 0;

async function work(round) {
  while (!round.resting) {
    const id = `node-${number++}`;
    const [how, error] = await call(id);
    const causes = [];
    for (let e = error; e; e = e.cause) causes.push(`${e.name}: ${e.message}`);
    say({ id, how, detail: causes.join(' < ').slice(0, 300) });
    await sleep(Math.random() * 150);
  }
}

let round = { resting: true };
let all = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === 'go') {
    round = { resting: false };
    all = Array.from({ length: workers }, () => work(round));
  } else {
    round.resting = true;
    await Promise.all(all);
    say({ rested: true });
  }
}
round.resting = true;
