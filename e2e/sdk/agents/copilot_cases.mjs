// GitHub Copilot CLI with a model of its user's own, offline and without an account.
import { apiVersion, field, key, keyBase, main, model, prompt, register, token, tokenBase } from '../node/case_line.mjs';
import { answers, installed } from './program.mjs';

const program = installed('@github/copilot-linux-x64/copilot');

const provider = (settings) => Object.fromEntries(Object.entries(settings).map(([name, value]) => [`COPILOT_PROVIDER_${name}`, value]));

// kind -> what a user sets
const kinds = {
  openai_key: { BASE_URL: `${keyBase}/openai/v1`, API_KEY: key },
  openai_token: { BASE_URL: `${tokenBase}/openai/v1`, BEARER_TOKEN: token },
  azure_key: { TYPE: 'azure', BASE_URL: keyBase, API_KEY: key },
  azure_key_legacy: { TYPE: 'azure', BASE_URL: keyBase, API_KEY: key, AZURE_API_VERSION: apiVersion },
  azure_ad_token: { TYPE: 'azure', BASE_URL: tokenBase, BEARER_TOKEN: token },
};

const withResponses = ['openai_key', 'azure_key'];

for (const [kind, settings] of Object.entries(kinds)) {
  for (const [operation, wire] of [['chat', 'completions'], ['responses', 'responses']]) {
    if (operation === 'responses' && !withResponses.includes(kind)) continue;
    register(`${kind}/${operation}`, (name) =>
      answers(name, program, ['--prompt', prompt(name), '--silent', '--no-color'], {
        COPILOT_OFFLINE: 'true', COPILOT_MODEL: model, COPILOT_AUTO_UPDATE: 'false',
        ...provider({ ...settings, WIRE_API: wire, HEADERS: `${field}: ${name}` }),
        HOME: process.env.HOME, // it unpacks itself there, 235 MB
      }));
  }
}

await main();
