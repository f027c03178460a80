// The Vercel AI SDK: package ai with the OpenAI and the Azure provider.
import { createAzure } from '@ai-sdk/azure';
import { createOpenAI } from '@ai-sdk/openai';
import { embed, generateText, streamText } from 'ai';
import {
  apiVersion, checkStream, checkText, checkVector, embeddingModel, field, key, keyBase, main, model, prompt, register,
  token, tokenBase,
} from './case_line.mjs';

const openai = (name) => createOpenAI({ baseURL: `${keyBase}/openai/v1`, apiKey: key, headers: { [field]: name } });
const azure = (name, base, credential) =>
  createAzure({ baseURL: `${base}/openai`, apiVersion: 'v1', headers: { [field]: name }, ...credential });
const azureLegacy = (name) =>
  createAzure({ baseURL: `${keyBase}/openai`, apiVersion, useDeploymentBasedUrls: true, headers: { [field]: name }, apiKey: key });

const kinds = {
  openai_key: openai,
  azure_key: (name) => azure(name, keyBase, { apiKey: key }),
  azure_key_legacy: azureLegacy,
  azure_ad_token: (name) => azure(name, tokenBase, { tokenProvider: async () => token }),
  azure_token_as_key: (name) => azure(name, tokenBase, { apiKey: token }),
};

async function generated(language, name) {
  const { text } = await generateText({ model: language, prompt: prompt(name), maxRetries: 0 });
  checkText(name, text);
}

async function streamed(language, name) {
  let failure;
  const { textStream } = streamText({
    model: language, prompt: prompt(name), maxRetries: 0, onError: ({ error }) => { failure = error; },
  });
  try {
    await checkStream(name, textStream);
  } catch (error) {
    throw failure ?? error;
  }
}

const operations = {
  chat: (provider, name) => generated(provider.chat(model), name),
  chat_stream: (provider, name) => streamed(provider.chat(model), name),
  responses: (provider, name) => generated(provider.responses(model), name),
  responses_stream: (provider, name) => streamed(provider.responses(model), name),
  embed: async (provider, name) =>
    checkVector((await embed({ model: provider.textEmbeddingModel(embeddingModel), value: name, maxRetries: 0 })).embedding),
};
for (const [kind, connect] of Object.entries(kinds)) {
  for (const [operation, run] of Object.entries(operations)) {
    if (kind === 'azure_key_legacy' && operation.startsWith('responses')) continue; // has no deployment in its path
    register(`${kind}/${operation}`, (name) => run(connect(name), name));
  }
}

await main();
