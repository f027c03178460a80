// The page's program, bundled with the openai package for the browser. The
// driver calls window.ask and reads what it returns and what is on the screen.
import { AzureOpenAI, OpenAI } from 'openai';

const show = (id, text) => { document.getElementById(id).textContent = text; };

function connect({ azure, baseURL, apiKey }) {
  const common = { dangerouslyAllowBrowser: true, maxRetries: 0, timeout: 15_000 };
  if (azure) return new AzureOpenAI({ ...common, endpoint: baseURL, apiVersion: '2024-10-21', apiKey });
  return new OpenAI({ ...common, baseURL: `${baseURL}/openai/v1`, apiKey });
}

const operations = {
  // Every event goes onto the screen; updates tells how often it changed.
  async stream(client, { model, prompt }) {
    const answer = document.getElementById('answer');
    let updates = 0;
    const watch = new MutationObserver((records) => { updates += records.length; });
    watch.observe(answer, { childList: true });
    const stream = await client.chat.completions.create({
      model, messages: [{ role: 'user', content: prompt }], stream: true,
    });
    for await (const chunk of stream) {
      const piece = chunk.choices[0]?.delta.content;
      if (piece) answer.append(piece);
    }
    updates += watch.takeRecords().length;
    return { text: answer.textContent, updates };
  },
  async plain(client, { model, prompt }) {
    const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content: prompt }] });
    show('answer', answer.choices[0].message.content);
    return { text: answer.choices[0].message.content };
  },
  async models(client) {
    const names = [];
    for await (const found of client.models.list()) names.push(found.id);
    show('answer', names.join('\n'));
    return { text: names.join('\n') };
  },
  async upload(client) {
    const file = new File(['sixteen letters '.repeat(20_000)], 'lines.jsonl');
    const stored = await client.files.create({ file, purpose: 'fine-tune' });
    show('answer', `${stored.filename}: ${stored.bytes} bytes`);
    return { text: `${stored.filename}: ${stored.bytes} bytes` };
  },
};

window.ask = async (wish) => {
  show('origin', location.origin);
  show('base', wish.baseURL);
  try {
    return await operations[wish.operation](connect(wish), wish);
  } catch (error) {
    const told = {
      error: error.constructor.name, status: error.status ?? 0, message: error.message,
      retryAfter: error.headers?.get('retry-after-ms') ?? '', edge: error.headers?.get('x-apim-edge-error') ?? '',
    };
    show('error', `${told.status} ${told.error}: ${told.message}`);
    return told;
  }
};
