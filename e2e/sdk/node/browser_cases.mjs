// A page of another origin in headless Chromium, driven by Playwright. The
// cases are told apart by the first segment of the path, because a field of
// our own would change what the browser asks for in its preflight.
import { checkText, key, keyBase, main, model, otherKey, prompt, register } from './case_line.mjs';
import { launch, photograph } from './chromium.mjs';

const page = process.env.E2E_PAGE; // its origin is allowed
const strangerPage = process.env.E2E_STRANGER_PAGE; // its origin is not
const direct = process.env.E2E_DIRECT; // the look-alike itself
const browser = await launch();

// ask opens the page anew, so that no preflight is remembered, and returns
// what the page told and what the browser said on its console.
async function ask(name, wish, { from = page } = {}) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const console = [];
  tab.on('console', (message) => console.push(message.text()));
  tab.on('requestfailed', (request) => console.push(request.failure().errorText));
  await tab.goto(from);
  const told = await tab.evaluate((w) => window.ask(w), {
    model, prompt: prompt(name), apiKey: key, baseURL: `${keyBase}/${name}`, ...wish,
  });
  await photograph(tab, name);
  await context.close();
  return { ...told, console: console.join('\n') };
}

function expect(told, want) {
  for (const [field, value] of Object.entries(want)) {
    const fits = value instanceof RegExp ? value.test(told[field]) : told[field] === value;
    if (!fits) throw new Error(`${field}: want ${value}; the page told ${JSON.stringify(told)}`);
  }
}

register('streamed_answer_on_screen', async (name) => {
  const told = await ask(name, { operation: 'stream' });
  expect(told, { error: undefined });
  checkText(name, told.text);
  if (told.updates < 20) throw new Error(`the screen changed ${told.updates} times only`);
});
register('plain_answer_by_azure_client', async (name) => {
  const told = await ask(name, { operation: 'plain', azure: true });
  expect(told, { error: undefined });
  checkText(name, told.text);
});
register('models', async (name) => expect(await ask(name, { operation: 'models' }), { text: new RegExp(model) }));
register('upload', async (name) =>
  expect(await ask(name, { operation: 'upload' }), { text: 'lines.jsonl: 320000 bytes' }));
register('upstream_401_is_a_401', async (name) =>
  expect(await ask(name, { operation: 'plain', apiKey: otherKey }), {
    error: 'AuthenticationError', status: 401, message: /Access denied due to invalid subscription key/,
  }));
register('upstream_429_tells_when_to_come_back', async (name) =>
  expect(await ask(name, { operation: 'plain', model: '429' }), { status: 429, retryAfter: '700' }));
register('own_502_is_a_502', async (name) =>
  expect(await ask(name, { operation: 'plain', baseURL: `${keyBase}/down/${name}` }), {
    status: 502, edge: 'upstream_connect_failed',
  }));
register('refused_origin_is_refused', async (name) =>
  expect(await ask(name, { operation: 'plain' }, { from: strangerPage }), {
    error: 'APIConnectionError', status: 0, console: /blocked by CORS policy/,
  }));
register('without_the_edge_it_is_a_cors_error', async (name) =>
  expect(await ask(name, { operation: 'plain', baseURL: `${direct}/${name}` }), {
    error: 'APIConnectionError', status: 0, console: /blocked by CORS policy/,
  }));

await main(() => browser.close());
