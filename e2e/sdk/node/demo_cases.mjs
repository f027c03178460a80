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

// visit opens the page in a window of that size and lets check look at it.
async function visit(options, check) {
  const context = await browser.newContext(options);
  try {
    const tab = await context.newPage();
    tab.setDefaultTimeout(20_000);
    const faults = [];
    tab.on('pageerror', (error) => faults.push(error.message));
    tab.on('console', (line) => /Content Security Policy/.test(line.text()) && faults.push(line.text()));
    await tab.goto(page);
    await tab.waitForSelector('body[data-ready=true]');
    await check(tab);
    if (faults.length > 0) throw new Error(faults.join('; '));
  } finally {
    await context.close();
  }
}

async function answered(tab) {
  await send(tab);
  await tab.waitForSelector('#outcome[data-outcome=complete]');
  await tab.waitForFunction(() => document.getElementById('seen').textContent !== '–');
}

register('demo/page_tells_what_the_edge_tells', () => visit({}, async (tab) => {
  const moved = () => Number([...document.querySelectorAll('#counters tr')]
    .find((row) => row.textContent.includes('repair="bearer_key"')).lastElementChild.textContent);
  const before = await tab.evaluate(moved);
  await answered(tab);
  await tab.waitForFunction(`(${moved})() === ${before + 1}`);
  // The log and the counters come to the page by themselves, in any order.
  await tab.waitForFunction(() => document.querySelector('#lines li:last-child')?.textContent.includes('200 POST /openai/v1/chat/completions'));
  for (const id of ['metrics', 'configuration']) {
    const response = await tab.request.get(await tab.getAttribute(`#${id}`, 'href'));
    if (!response.ok()) throw new Error(`${id}: ${response.status()}`);
  }
}));

register('demo/slow_reasoning_says_how_slow', () => visit({}, async (tab) => {
  const text = await tab.textContent('#slow');
  if (text !== 'slow-reasoning: first word after 6s') throw new Error(text);
}));

const windows = [[360, 640], [800, 600], [1280, 800]].map(([width, height]) => ({ viewport: { width, height } }));

register('demo/nothing_covers_the_answer', async (name) => {
  for (const size of windows) {
    await visit(size, async (tab) => {
      await answered(tab);
      await photograph(tab, `${name.replace('/', '_')}_${size.viewport.width}`);
      const fault = await tab.evaluate(() => {
        const box = (id) => document.getElementById(id).getBoundingClientRect();
        const [form, answer, outcome, result, edge] = ['form', 'answer', 'outcome', 'result', 'edge'].map(box);
        if (document.documentElement.scrollWidth > innerWidth) return 'the page is wider than the window';
        if (!(form.bottom <= answer.top && answer.bottom <= outcome.top && outcome.bottom <= result.top)) return 'something covers the answer';
        if (edge.top < result.bottom && edge.left < result.right) return 'the log covers the answer';
        for (const box of [outcome, result]) {
          if (box.top < -1 || box.bottom > innerHeight + 1) return `the end of the answer is out of sight: ${box.top} to ${box.bottom}`;
        }
        const answerBox = document.getElementById('answer');
        if (answerBox.scrollHeight > answerBox.clientHeight + 1) return 'a part of the answer is cut off';
        return '';
      });
      if (fault) throw new Error(`${JSON.stringify(size.viewport)}: ${fault}`);
    });
  }
});

register('demo/text_has_contrast', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await visit({ colorScheme }, async (tab) => {
      await answered(tab);
      const faults = await tab.evaluate(faintTexts);
      await tab.check('#direct');
      await send(tab);
      await tab.waitForSelector('#outcome[data-outcome=blocked]');
      faults.push(...await tab.evaluate(faintTexts));
      if (faults.length > 0) throw new Error(`${colorScheme}: ${faults.join('; ')}`);
    });
  }
});

// faintTexts runs in the page: the texts with less contrast than WCAG 2.2, 1.4.3 asks for.
function faintTexts() {
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return numbers(color)[3] === 0 ? ground(element.parentElement) : color;
  };
  const faults = [];
  for (const element of document.querySelectorAll('body *')) {
    const style = getComputedStyle(element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!hasText && element.tagName !== 'INPUT') continue;
    const [low, high] = [light(style.color), light(ground(element))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5 || style.opacity !== '1') faults.push(`contrast of <${element.localName}> ${element.id}: ${contrast.toFixed(2)}`);
  }
  return faults;
}

// Whoever has no mouse reaches every control, and does not lose the place.
register('demo/keys_reach_everything', () => visit({}, async (tab) => {
  const want = ['prompt', 'send', 'stop', 'model', 'direct', 'wrong-key', 'log', 'metrics', 'configuration'];
  const got = [];
  for (const id of want) {
    await tab.keyboard.press('Tab');
    got.push(await tab.evaluate(() => document.activeElement.id));
    const outline = await tab.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    if (outline === 'none') throw new Error(`${id}: the focus cannot be seen`);
  }
  if (String(got) !== String(want)) throw new Error(`the order of Tab: ${got}, want ${want}`);
  await tab.focus('#send');
  await tab.keyboard.press('Enter');
  await tab.waitForSelector('#outcome[data-outcome=complete]');
  const focus = await tab.evaluate(() => document.activeElement.id);
  if (focus !== 'send') throw new Error(`the focus went to ${focus}`);
  for (const [role, name] of [
    ['textbox', 'Message'], ['button', 'Send'], ['button', 'Stop'], ['combobox', 'Model'], ['checkbox', 'without the edge'],
    ['log', 'Its log'], ['table', 'Its counters'], ['region', 'Answer'], ['heading', 'What apim-edge tells of itself'],
  ]) {
    const n = await tab.getByRole(role, { name, exact: true }).count();
    if (n !== 1) throw new Error(`${n} elements of the role ${role} are named ${name}`);
  }
}));

await main(() => browser.close());
