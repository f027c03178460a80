// What Node's SDKs do through a bridge: each class speaks its own shape of the API to an
// upstream that speaks the other. The first argument names the SDK.
import { apiVersion, field, key, keyBase, main, register } from './case_line.mjs';

const [sdk] = process.argv.splice(2, 1);
const long = 'x'.repeat(200_000);
const audio = new Uint8Array(5_000_000);
const picture = new Uint8Array(2_000_000);
const v1URL = `${keyBase}/openai/v1`;
const legacyURL = `${keyBase}/legacy`;

// v1 and legacy make a client; operations say what is done with it, and with its name for
// the model. messages stands in front of model, as in the packages' own examples.
const sdks = {
  async openai() {
    const { OpenAI, AzureOpenAI, toFile } = await import('openai');
    const settings = (name) => ({ apiKey: key, timeout: 20_000, maxRetries: 0, defaultHeaders: { [field]: name } });
    const messages = [{ role: 'user', content: long }];
    const joined = async (stream, text) => {
      let all = '';
      for await (const event of stream) all += text(event) ?? '';
      return all;
    };
    return {
      v1: (name) => new OpenAI({ baseURL: v1URL, ...settings(name) }),
      legacy: (name) => new AzureOpenAI({ endpoint: legacyURL, apiVersion, ...settings(name) }),
      operations: {
        chat: async (client, model) =>
          (await client.chat.completions.create({ messages, model })).choices[0].message.content,
        chat_stream: async (client, model) =>
          joined(await client.chat.completions.create({ messages, model, stream: true }), (c) => c.choices[0]?.delta.content),
        responses: async (client, model) => (await client.responses.create({ input: long, model })).id,
        responses_stream: async (client, model) =>
          joined(await client.responses.create({ input: long, model, stream: true }),
            (e) => (e.type === 'response.output_text.delta' ? e.delta : '')),
        embeddings: async (client, model) =>
          (await client.embeddings.create({ input: long, model, encoding_format: 'float' })).data[0].embedding[0],
        transcription: async (client, model) =>
          (await client.audio.transcriptions.create({ file: await toFile(audio, 'a.mp3'), model })).text,
        image_edit: async (client, model) =>
          (await client.images.edit({ image: await toFile(picture, 'a.png', { type: 'image/png' }), prompt: 'x', model })).data[0].b64_json,
        models: async (client) => {
          const names = [];
          for await (const found of client.models.list()) names.push(found.id);
          return names.join();
        },
        file_create: async (client) =>
          (await client.files.create({ file: await toFile(new Uint8Array(2), 'lines.jsonl'), purpose: 'batch' })).id,
        file_list: async (client) => (await client.files.list()).data[0].id,
        batch_create: async (client) =>
          (await client.batches.create({ input_file_id: 'file-1', endpoint: '/v1/chat/completions', completion_window: '24h' })).id,
        batch_list: async (client) => (await client.batches.list()).data[0].id,
      },
      more() {
        register('azure_with_deployment/batch_create', async (name) => {
          const client = new AzureOpenAI({ endpoint: legacyURL, apiVersion, deployment: 'five', ...settings(name) });
          return this.operations.batch_create(client);
        });
      },
    };
  },

  async vercel() {
    const { createAzure } = await import('@ai-sdk/azure');
    const { createOpenAI } = await import('@ai-sdk/openai');
    const { embed, experimental_transcribe: transcribe, generateText, streamText } = await import('ai');
    const ask = (model) => ({ model, prompt: long, maxRetries: 0 });
    const streamed = async (model) => {
      let failure;
      const { textStream } = streamText({ ...ask(model), onError: ({ error }) => { failure = error; } });
      let all = '';
      for await (const piece of textStream) all += piece;
      if (failure) throw failure;
      return all;
    };
    return {
      v1: (name) => createOpenAI({ baseURL: v1URL, apiKey: key, headers: { [field]: name } }),
      legacy: (name) => createAzure({
        baseURL: `${legacyURL}/openai`, apiVersion, useDeploymentBasedUrls: true, apiKey: key, headers: { [field]: name },
      }),
      operations: {
        chat: async (client, model) => (await generateText(ask(client.chat(model)))).text,
        chat_stream: (client, model) => streamed(client.chat(model)),
        responses: async (client, model) => (await generateText(ask(client.responses(model)))).text,
        responses_stream: (client, model) => streamed(client.responses(model)),
        embeddings: async (client, model) =>
          (await embed({ model: client.textEmbeddingModel(model), value: long, maxRetries: 0 })).embedding[0],
        transcription: async (client, model) =>
          (await transcribe({ model: client.transcription(model), audio, maxRetries: 0 })).text,
      },
    };
  },

  async langchain() {
    const { AzureChatOpenAI, AzureOpenAIEmbeddings, ChatOpenAI, OpenAIEmbeddings } = await import('@langchain/openai');
    const v1 = (name, more) => ({
      model: 'gpt-5', apiKey: key, maxRetries: 0, configuration: { baseURL: v1URL, defaultHeaders: { [field]: name } }, ...more,
    });
    const legacy = (name, more) => ({ // writes a model of its own beside the deployment in the path
      azureOpenAIEndpoint: legacyURL, azureOpenAIApiDeploymentName: 'five', azureOpenAIApiEmbeddingsDeploymentName: 'five',
      azureOpenAIApiVersion: apiVersion, azureOpenAIApiKey: key, maxRetries: 0,
      configuration: { defaultHeaders: { [field]: name } }, ...more,
    });
    const kinds = {
      v1: (name) => ({ chat: (more) => new ChatOpenAI(v1(name, more)), embeddings: () => new OpenAIEmbeddings(v1(name)) }),
      legacy: (name) =>
        ({
          chat: (more) => new AzureChatOpenAI(legacy(name, more)),
          embeddings: () => new AzureOpenAIEmbeddings(legacy(name, { azureOpenAIBasePath: `${legacyURL}/openai/deployments` })),
        }),
    };
    return {
      ...kinds,
      operations: {
        chat: async (client) => (await client.chat().invoke(long)).text,
        chat_stream: async (client) => {
          let all = '';
          for await (const chunk of await client.chat().stream(long)) all += chunk.text;
          return all;
        },
        responses: async (client) => (await client.chat({ useResponsesApi: true }).invoke(long)).text,
        embeddings: async (client) => (await client.embeddings().embedQuery(long))[0],
      },
    };
  },
};

const { operations, more, ...kinds } = await sdks[sdk]();
for (const [kind, model] of [['v1', 'gpt-5'], ['legacy', 'five']]) {
  for (const [operation, run] of Object.entries(operations)) {
    register(`${kind}/${operation}`, (name) => run(kinds[kind](name), model));
  }
}
more?.call({ operations });

await main();
