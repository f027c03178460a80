// The page of the admin listener, used as an operator uses it: by mouse, by keyboard, without
// scripts, in the dark, on a phone, and by what a screen reader is told.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { request } from 'node:http';
import { main, register } from './case_line.mjs';
import { launch, photograph } from './chromium.mjs';

const { E2E_ADMIN: admin, E2E_ADMIN_TOKEN: token, E2E_KEY: key, E2E_EDGE: edge } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const stranger = 'evil.example.net'; // a name that somebody points here
const browser = await launch([`--host-resolver-rules=MAP ${stranger} 127.0.0.1`]);

const desk = { viewport: { width: 1280, height: 900 } };
const phone = { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true };
const dark = { ...desk, colorScheme: 'dark' };

function check(ok, what) {
  if (!ok) throw new Error(what);
}

// open gives act a tab, and holds that nothing was wrong with the page but what a case is
// about: an answer that is no 200 is told on the console, too.
async function open(options, act) {
  const context = await browser.newContext(options);
  try {
    const tab = await context.newPage();
    const wrong = [];
    tab.setDefaultTimeout(20_000);
    tab.on('pageerror', (error) => wrong.push(String(error)));
    tab.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !/status of 4\d\d/.test(message.text())) wrong.push(message.text());
    });
    tab.on('request', (r) => { if (!r.url().startsWith(admin) && !r.url().includes(stranger)) wrong.push(`asked ${r.url()}`); });
    await act(tab, context);
    check(wrong.length === 0, `the browser complains: ${wrong.join('; ')}`);
  } finally {
    await context.close();
  }
}

async function login(tab, what = token) {
  await tab.goto(`${admin}/`);
  await tab.fill('#token', what);
  await tab.press('#token', 'Enter');
}

const logged = (options, act) => open(options, async (tab, context) => {
  await login(tab);
  await tab.waitForSelector('#now');
  await act(tab, context);
});

// ask sends an exchange through the edge.
const ask = (fields) => new Promise((resolve, reject) => {
  const r = request(`${edge}/openai/v1/models`, { headers: fields }, (answer) => answer.resume().on('end', () => resolve(answer.statusCode)));
  r.on('error', reject).end();
});

// violations returns what axe finds, as it tells it.
async function violations(tab) {
  await tab.evaluate(axe); // by the debugger: the policy of the page lets no script of others run
  const { violations: found, passes } = await tab.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
  check(passes.length > 10, `axe looked at ${passes.length} rules only`);
  return found.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 120)} ${n.failureSummary}`));
}

async function accessible(tab, where) {
  const found = await violations(tab);
  check(found.length === 0, `axe finds on ${where}: ${found.join(' | ')}`);
}

register('page/a_wrong_token_is_refused', (name) => open(desk, async (tab) => {
  await login(tab, 'wrong');
  await tab.getByRole('alert').getByText('That is not the token').waitFor();
  await accessible(tab, 'the login that was refused');
  await photograph(tab, name.replace('/', '_'));
  await tab.goto(`${admin}/`);
  check(new URL(tab.url()).pathname === '/login', `at ${tab.url()}`);
}));

register('page/login_and_logout_by_keyboard', () => open(desk, async (tab, context) => {
  await tab.goto(`${admin}/`);
  await tab.waitForFunction(() => document.activeElement.id === 'token'); // the field has the focus
  await tab.keyboard.type(token);
  await tab.keyboard.press('Enter');
  await tab.getByRole('heading', { name: 'What failed last' }).waitFor();
  const [cookie] = await context.cookies();
  check(cookie.httpOnly && cookie.sameSite === 'Strict' && !cookie.value.includes(token), JSON.stringify(cookie));
  check(await tab.evaluate(() => document.cookie === ''), 'a script can read the session');
  await tab.keyboard.press('Tab');
  check(await tab.evaluate(() => document.activeElement.textContent) === 'To the content', 'the first stop is not the way to the content');
  await tab.getByRole('button', { name: 'Log out' }).focus();
  await tab.keyboard.press('Enter');
  await tab.waitForSelector('#token');
  await context.addCookies([cookie]); // who has kept it
  await tab.goto(`${admin}/`);
  check(new URL(tab.url()).pathname === '/login', `the session outlives its end: ${tab.url()}`);
}));

register('page/keys_reach_everything', () => logged(desk, async (tab) => {
  const seen = new Set();
  for (let i = 0; i < 80; i++) {
    await tab.keyboard.press('Tab');
    const at = await tab.evaluate(() => {
      const e = document.activeElement;
      const outlined = getComputedStyle(e).outlineStyle !== 'none';
      return e === document.body ? null : { text: (e.getAttribute('aria-label') ?? e.textContent).trim(), outlined };
    });
    if (!at) break;
    check(at.outlined, `one does not see that ${at.text} has the focus`);
    seen.add(at.text);
  }
  for (const want of ['Log out', 'Pause', 'Load it again', 'Show it. Secrets read ***', 'Routes', 'metrics']) {
    check(seen.has(want), `keys do not reach ${want}; they reach ${[...seen].join(', ')}`);
  }
}));

register('page/a_reload_is_a_form_of_the_page', () => logged(desk, async (tab) => {
  await tab.getByRole('button', { name: 'Load it again' }).click();
  await tab.getByRole('status').getByText('reloaded').waitFor();
  await tab.goto(`${admin}/`);
  await tab.evaluate(() => document.querySelector('form[action=reload] input').remove());
  const [answer] = await Promise.all([
    tab.waitForResponse((r) => r.url().endsWith('/reload')),
    tab.getByRole('button', { name: 'Load it again' }).click(),
  ]);
  check(answer.status() === 403, `without its value the form gets ${answer.status()}`);
}));

register('page/it_says_what_fails_and_what_to_do', (name) => logged(desk, async (tab) => {
  const entry = tab.getByRole('listitem').filter({ hasText: 'key_invalid' }).first();
  const text = await entry.textContent();
  check(/401/.test(text) && /Whose it is: API Management/.test(text) && /To do: compare it/.test(text) && /request id/.test(text), text);
  const all = await tab.content();
  check(!all.includes('hidden-in-a-query') && !all.includes(key) && !all.includes(token), 'the page shows a secret');
  await tab.getByText('Show it.').click();
  check(/upstreams:/.test(await tab.textContent('pre')), 'the configuration is not shown');
  await photograph(tab, name.replace('/', '_'));
}));

register('page/without_scripts', (name) => logged({ ...desk, javaScriptEnabled: false }, async (tab) => {
  for (const heading of ['Now', 'The last hour', 'What failed last', 'The way out', 'Upstreams', 'Routes', 'This instance', 'Configuration in use']) {
    await tab.getByRole('heading', { name: heading, exact: true }).waitFor();
  }
  check(/^[1-9]/.test(await tab.getByRole('row', { name: /^openai/ }).getByRole('cell').first().textContent()), 'the route has no exchanges');
  await tab.getByRole('button', { name: 'Load it again' }).click();
  await tab.getByRole('status').getByText('reloaded').waitFor();
  await tab.getByRole('button', { name: 'Log out' }).click();
  await tab.waitForSelector('#token');
  await photograph(tab, name.replace('/', '_'));
}));

register('page/numbers_are_live_and_can_be_paused', () => logged(desk, async (tab) => {
  const refused = async () => tab.textContent('[data-live=refused]');
  const before = await refused();
  await tab.waitForFunction(() => document.getElementById('live').textContent.startsWith('as of'));
  for (let i = 0; i < 40; i++) await ask({});
  await tab.waitForFunction((was) => document.querySelector('[data-live=refused]').textContent !== was, before);
  await tab.getByRole('button', { name: 'Pause' }).click();
  await tab.getByText('paused').waitFor();
  await tab.getByRole('button', { name: 'Go on' }).waitFor();
}));

register('page/a_session_that_ends_is_told', () => logged(desk, async (tab, context) => {
  await context.clearCookies();
  await tab.getByText('your session has ended').waitFor();
}));

register('page/in_the_dark', (name) => logged(dark, async (tab) => {
  const [ground, text] = await tab.evaluate(() => {
    const s = getComputedStyle(document.body);
    return [s.backgroundColor, s.color].map((c) => c.match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));
  });
  check(ground < 150 && text > 600, `ground ${ground}, text ${text}`);
  await accessible(tab, 'the dark page');
  await photograph(tab, name.replace('/', '_'));
}));

register('page/on_a_phone', (name) => logged(phone, async (tab) => {
  const [wide, screen] = await tab.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  check(wide <= screen, `the page is ${wide} wide on a screen of ${screen}`);
  await accessible(tab, 'the page on a phone');
  await photograph(tab, name.replace('/', '_'));
}));

// told holds that each picture below a heading has a title and words.
async function told(tab, names) {
  for (const name of names) {
    const picture = tab.getByRole('img', { name: new RegExp(`^${name} From`) });
    const words = await picture.locator('desc').textContent();
    check(/^From .* to .*: between/.test(words), `${name} says ${words}`);
  }
}

register('page/the_way_out', (name) => logged(desk, async (tab) => {
  const section = tab.locator('section', { has: tab.getByRole('heading', { name: 'The way out', exact: true }) });
  check(/need/.test(await section.textContent()), await section.textContent());
  await told(tab, ['Exchanges a day', 'Callers a day that need the edge']);
  await accessible(tab, 'the page with a census');
  await section.screenshot({ path: `${process.env.E2E_ARTIFACTS}/${name.replace('/', '_')}.png` });
}));

register('page/several_upstreams', (name) => logged(dark, async (tab) => {
  const row = tab.getByRole('row', { name: /^nobody/ });
  check(/left alone|failing|open/i.test(await row.textContent()), `nobody is shown as ${await row.textContent()}`);
  await accessible(tab, 'the dark page with several upstreams');
  const section = tab.locator('section', { has: tab.getByRole('heading', { name: 'Upstreams', exact: true }) });
  await section.screenshot({ path: `${process.env.E2E_ARTIFACTS}/${name.replace('/', '_')}.png` });
}));

// elsewhere gives act a tab that shows a page of somebody else, whose console is not ours.
async function elsewhere(act) {
  const context = await browser.newContext(desk);
  try {
    await act(await context.newPage());
  } finally {
    await context.close();
  }
}

register('page/no_other_page_reads_it', () => elsewhere(async (tab) => {
  const answer = await tab.goto(`http://${stranger}:${new URL(admin).port}/`); // DNS rebinding
  check(answer.status() === 403, `another name gets ${answer.status()}`);
  check(/admin.allowed_hosts/.test(await tab.textContent('body')), 'it is not told how to allow the name');
  const read = await tab.evaluate((url) => fetch(`${url}/live`).then((r) => r.text(), (error) => String(error)), admin);
  check(/TypeError/.test(read), `another page reads ${read}`);
}));

register('page/nobody_frames_it', () => elsewhere(async (tab) => {
  const [answer] = await Promise.all([
    tab.waitForResponse(`${admin}/login`),
    tab.setContent(`<iframe src="${admin}/login"></iframe>`),
  ]);
  check(answer.status() === 403, `a frame gets ${answer.status()}`);
  check(!(await tab.frames()[1].content()).includes('Token of the admin'), 'a page frames the login');
}));

// The last one: pictures need half a minute of looks.
register('page/pictures_are_told_in_words', (name) => logged(desk, async (tab) => {
  const picture = tab.getByRole('img', { name: 'Exchanges a second' });
  for (let i = 0; i < 30 && await picture.count() === 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await tab.goto(`${admin}/`);
  }
  check(/From \d\d:\d\d:\d\d to .* answered: between/.test(await picture.locator('desc').textContent()), 'the picture has no words');
  await accessible(tab, 'the page with its pictures');
  await tab.screenshot({ path: `${process.env.E2E_ARTIFACTS}/${name.replace('/', '_')}.png`, fullPage: true });
}));

await main(() => browser.close());
