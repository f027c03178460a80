// The demo's own page, used as a person uses it: by its buttons.
import { main, register } from './case_line.mjs';
import { launch, photograph } from './chromium.mjs';

const page = process.env.E2E_PAGE;
const browser = await launch();

// use opens the page, does something with it and waits for the outcome.
async function use(name, act, outcome) {
  const context = await browser.newContext();
  try {
    const tab = await context.newPage();
    tab.setDefaultTimeout(20_000);
    await tab.goto(page);
    await tab.waitForSelector('body[data-ready=true]');
    await act(tab);
    await tab.waitForSelector(`#outcome[data-outcome=${outcome}]`).catch(async (error) => {
      throw new Error(`outcome ${await tab.getAttribute('#outcome', 'data-outcome')}, want ${outcome}: ${error.message}`);
    });
    await tab.waitForFunction(() => document.getElementById('seen').textContent !== '–');
    await photograph(tab, name.replace('/', '_'));
    const read = async (id) => (await tab.textContent(`#${id}`)).trim();
    return {
      status: await read('status'), answer: await read('answer'), seen: await read('seen'), events: await read('events'),
    };
  } finally {
    await context.close();
  }
}

function expect(told, want) {
  for (const [field, value] of Object.entries(want)) {
    const fits = value instanceof RegExp ? value.test(told[field]) : told[field] === value;
    if (!fits) throw new Error(`${field}: want ${value}; the page shows ${JSON.stringify(told)}`);
  }
}

const send = (tab) => tab.click('#send');

register('demo/answer_through_the_edge', async (name) =>
  expect(await use(name, send, 'complete'), {
    status: '200', answer: /^You said: Hello[^]*holds them back\.$/, seen: 'the key in api-key',
  }));
register('demo/wrong_key_is_a_401', async (name) =>
  expect(await use(name, (tab) => tab.click('#wrong-key'), 'refused'), {
    status: '401', answer: /invalid subscription key/,
  }));
register('demo/without_the_edge_it_is_blocked', async (name) =>
  expect(await use(name, async (tab) => { await tab.check('#direct'); await send(tab); }, 'blocked'), {
    status: '–', answer: /TypeError/,
  }));
register('demo/cut_is_told_from_an_end', async (name) =>
  expect(await use(name, async (tab) => { await tab.selectOption('#model', 'cut-chunked'); await send(tab); }, 'cut'), {
    status: '200', answer: /^You said: Hello/,
  }));
register('demo/upstream_sees_the_client_leave', async (name) =>
  expect(await use(name, async (tab) => {
    await send(tab);
    await tab.waitForFunction(() => Number(document.getElementById('events').textContent) > 2);
    await tab.click('#stop');
  }, 'stopped'), { status: '200', seen: /saw the client leave after/ }));

await main(() => browser.close());
