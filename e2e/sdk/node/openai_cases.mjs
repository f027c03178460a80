// What the openai package does, for each kind of client and operation. The
// first argument names the installed release: openai or openai4.
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  apiVersion, checkStream, checkText, checkUpload, checkVector, embeddingModel, field, key, keyBase, main, model,
  otherKey, prompt, register, token, tokenBase, upload,
} from './case_line.mjs';

const [release] = process.argv.splice(2, 1);
const { OpenAI, AzureOpenAI } = await import(release);

const v1 = (base) => `${base}/openai/v1`;
const settings = (name, { defaultHeaders, ...given }) => ({
  timeout: 20_000, maxRetries: 0, defaultHeaders: { [field]: name, ...defaultHeaders }, ...given,
});
const openai = (name, given) => new OpenAI(settings(name, { baseURL: v1(keyBase), ...given }));
const azure = (name, given) => new AzureOpenAI(settings(name, { apiVersion, ...given }));

const kinds = {
  openai_key: (name) => openai(name, { apiKey: key }),
  openai_token: (name) => openai(name, { baseURL: v1(tokenBase), apiKey: token }),
  azure_key: (name) => azure(name, { endpoint: keyBase, apiKey: key }),
  azure_ad_token: (name) => azure(name, { endpoint: tokenBase, azureADTokenProvider: async () => token }),
  azure_token_as_key: (name) => azure(name, { endpoint: tokenBase, apiKey: token }),
};

const messages = (name) => [{ role: 'user', content: prompt(name) }];

async function chat(client, name) {
  const answer = await client.chat.completions.create({ model, messages: messages(name) });
  checkText(name, answer.choices[0].message.content);
}

async function* deltas(stream) {
  for await (const chunk of stream) yield chunk.choices[0]?.delta.content;
}

async function chatStream(client, name) {
  await checkStream(name, deltas(await client.chat.completions.create({ model, messages: messages(name), stream: true })));
}

async function responses(client, name) {
  checkText(name, (await client.responses.create({ model, input: prompt(name) })).output_text);
}

async function* textDeltas(stream) {
  for await (const event of stream) if (event.type === 'response.output_text.delta') yield event.delta;
}

async function responsesStream(client, name) {
  await checkStream(name, textDeltas(await client.responses.create({ model, input: prompt(name), stream: true })));
}

async function embeddings(client, name) {
  const answer = await client.embeddings.create({ model: embeddingModel, input: name });
  checkVector(answer.data[0].embedding);
}

async function uploadStream(client) {
  const folder = mkdtempSync(join(tmpdir(), 'e2e-'));
  try {
    const path = join(folder, 'lines.jsonl');
    writeFileSync(path, upload);
    checkUpload(await client.files.create({ file: createReadStream(path), purpose: 'fine-tune' }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function models(client) {
  const names = [];
  for await (const found of client.models.list()) names.push(found.id);
  if (!names.includes(model)) throw new Error(`the list of models lacks ${model}`);
}

const operations = {
  chat, chat_stream: chatStream, responses, responses_stream: responsesStream, embeddings,
  upload_stream: uploadStream, models,
};
for (const [kind, connect] of Object.entries(kinds)) {
  for (const [operation, run] of Object.entries(operations)) {
    register(`${kind}/${operation}`, (name) => run(connect(name), name));
  }
}

register('default_headers/key_beside_placeholder', (name) =>
  chat(openai(name, { apiKey: 'none', defaultHeaders: { 'api-key': key } }), name));
register('default_headers/key_beside_platform_key', (name) =>
  chat(openai(name, { apiKey: otherKey, defaultHeaders: { 'api-key': key } }), name));
register('default_headers/ocp_key_beside_placeholder', (name) =>
  chat(openai(name, { apiKey: 'none', defaultHeaders: { 'Ocp-Apim-Subscription-Key': key } }), name));
register('errors/wrong_key_is_sent_once', (name) =>
  chat(openai(name, { apiKey: otherKey, maxRetries: 2 }), name));
register('errors/too_many_is_sent_again', (name) =>
  chat(openai(name, { apiKey: key, maxRetries: 1, defaultHeaders: { 'x-lookalike-fault': '429' } }), name));

// A cut must raise, by any framing. openai 4 would wait for ever for the rest
// of a fixed-length body that ends by FIN: the edge has to reset it.
for (const [fault, operation] of [['cut-chunked', chatStream], ['cut-close', chatStream], ['cut-length', chat]]) {
  register(`errors/${fault}_raises`, async (name) => {
    let waiting;
    const tooLong = new Promise((_, reject) => {
      waiting = setTimeout(() => reject(new Error('it still waits after 10 s')), 10_000);
    });
    const client = openai(name, { apiKey: key, defaultHeaders: { 'x-lookalike-fault': fault } });
    const outcome = operation(client, name).then(
      () => { throw new Error('a cut answer passed for a complete one'); },
      (error) => { if (String(error).includes('not come word by word')) throw error; return String(error); },
    );
    return Promise.race([outcome, tooLong]).finally(() => clearTimeout(waiting));
  });
}

register('leaving/stream_is_left_after_the_first_event', async (name) => {
  const client = openai(name, { apiKey: key, defaultHeaders: { 'x-lookalike-interval': '1s' } });
  const stream = await client.chat.completions.create({ model, messages: messages(name), stream: true });
  for await (const _ of stream) break;
});
register('leaving/request_is_aborted_before_the_first_byte', async (name) => {
  const client = openai(name, { apiKey: key, defaultHeaders: { 'x-lookalike-fault': 'hang' } });
  const left = new AbortController();
  setTimeout(() => left.abort(), 300);
  await chat({ chat: { completions: { create: (body) => client.chat.completions.create(body, { signal: left.signal }) } } }, name)
    .then(() => { throw new Error('it should hang'); }, (error) => {
      if (error.name !== 'AbortError' && !String(error).includes('abort')) throw error;
    });
});

await main();
