// LangChain's OpenAI client for JavaScript.
import { AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import {
  apiVersion, checkStream, checkText, checkVector, embeddingModel, field, key, keyBase, main, model, prompt, register,
  token, tokenBase,
} from './case_line.mjs';

const openai = (name) => new ChatOpenAI({
  model, apiKey: key, maxRetries: 0,
  configuration: { baseURL: `${keyBase}/openai/v1`, defaultHeaders: { [field]: name } },
});
const azure = (name, base, credential) => new AzureChatOpenAI({
  azureOpenAIEndpoint: base, azureOpenAIApiDeploymentName: model, azureOpenAIApiVersion: apiVersion, maxRetries: 0,
  configuration: { defaultHeaders: { [field]: name } }, ...credential,
});

const kinds = {
  openai_key: openai,
  azure_key: (name) => azure(name, keyBase, { azureOpenAIApiKey: key }),
  azure_ad_token: (name) => azure(name, tokenBase, { azureADTokenProvider: async () => token }),
  azure_token_as_key: (name) => azure(name, tokenBase, { azureOpenAIApiKey: token }),
};

async function* texts(stream) {
  for await (const chunk of stream) yield chunk.text;
}

for (const [kind, connect] of Object.entries(kinds)) {
  register(`${kind}/chat`, async (name) => checkText(name, (await connect(name).invoke(prompt(name))).text));
  register(`${kind}/chat_stream`, async (name) => checkStream(name, texts(await connect(name).stream(prompt(name)))));
}
register('openai_key/embeddings', async (name) => {
  const client = new OpenAIEmbeddings({
    model: embeddingModel, apiKey: key, maxRetries: 0,
    configuration: { baseURL: `${keyBase}/openai/v1`, defaultHeaders: { [field]: name } },
  });
  checkVector(await client.embedQuery(name));
});

await main();
