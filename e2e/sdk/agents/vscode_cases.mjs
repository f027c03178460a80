// The part of VS Code's chat that calls a model of its user's own ("Custom Endpoint"), as
// its authors publish it: which URL and fields it asks with, how it makes the body and reads
// the stream. Of the editor around it only what sends the request is ours: fetch.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

import { checkText, field, key, keyBase, main, model, otherKey, prompt, register, token, tokenBase } from '../node/case_line.mjs';

const require = createRequire(import.meta.url);
const part = (path) => require(require.resolve('@vscode/chat-lib/dist/src/main.js').replace('main.js', `_internal/${path}`));
const { OpenAIEndpoint } = part('extension/byok/node/openAIEndpoint.js');
const { postRequest } = part('platform/networking/common/networking.js');
const { IFetcherService, Response } = part('platform/networking/common/fetcherService.js');
const { IConfigurationService } = part('platform/configuration/common/configurationService.js');
const { TelemetryData } = part('platform/telemetry/common/telemetryData.js');

// A service of the editor that does nothing, whatever is asked of it.
const idle = () => new Proxy(() => {}, { get: (_, name) => (name === 'then' ? undefined : idle()), apply: () => undefined });

const settings = { getConfig: () => undefined, getExperimentBasedConfig: () => undefined };

const fetcher = {
  async fetch(url, { method, headers, json, signal }) {
    const r = await fetch(url, { method, headers, body: JSON.stringify(json), signal });
    return new Response(r.status, r.statusText, r.headers, r.body, 'node-fetch', () => {}, '', '');
  },
};
const known = new Map([[IFetcherService, fetcher], [IConfigurationService, settings]]);
const services = { get: (service) => known.get(service) ?? idle() };
const instantiation = { invokeFunction: (call, ...args) => call(services, ...args), createInstance: (kind, ...args) => new kind(...args) };

const paths = { chat: '/chat/completions', responses: '/responses' };

function endpoint(base, credential, operation, name, headers = {}) {
  return new OpenAIEndpoint({
    id: model, name: model, vendor: 'customendpoint', version: '1',
    supported_endpoints: [paths[operation]], requestHeaders: { [field]: name, ...headers },
    capabilities: { type: 'chat', family: model, limits: {}, supports: { streaming: true } },
  }, credential, `${base}/openai/v1${paths[operation]}`, idle(), idle(), idle(), instantiation, settings, idle(), idle(), idle());
}

async function chat(at, name) {
  const requestId = randomUUID();
  const body = at.createRequestBody({
    messages: [{ role: 1, content: [{ type: 1, text: prompt(name) }] }], requestId, location: 1, postOptions: { stream: true },
  });
  const answer = await postRequest(services, { endpointOrUrl: at, intent: 'conversation-panel', requestId, body });
  if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
  let text = '';
  let pieces = 0;
  const finished = await at.processResponseFromChatEndpoint(idle(), idle(), answer, 1, async (soFar) => {
    text = soFar;
    pieces += 1;
  }, TelemetryData.createAndMarkAsIssued({}, {}), undefined);
  for await (const choice of finished) {
    if (choice.finishReason !== 'stop') throw new Error(`finish reason ${choice.finishReason}`);
  }
  checkText(name, text);
  if (pieces < 20) throw new Error(`${pieces} pieces: the answer did not come word by word`);
}

for (const operation of Object.keys(paths)) {
  register(`openai_key/${operation}`, (name) => chat(endpoint(keyBase, key, operation, name), name));
  register(`openai_token/${operation}`, (name) => chat(endpoint(tokenBase, token, operation, name), name));
}
register('own_header/api_key_is_dropped', (name) => chat(endpoint(keyBase, key, 'chat', name, { 'api-key': otherKey }), name));

await main();
