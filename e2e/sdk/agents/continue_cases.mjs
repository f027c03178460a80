// Continue's CLI with the models that its config.yaml names.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { apiVersion, field, key, keyBase, main, model, prompt, register, token, tokenBase } from '../node/case_line.mjs';
import { answers, folder, installed } from './program.mjs';

const program = installed('@continuedev/cli/dist/cn.js');

const azure = `
    provider: azure
    apiBase: ${keyBase}
    env: {apiType: azure-openai, deployment: ${model}, apiVersion: "${apiVersion}"}`;
const openai = (base) => `
    provider: openai
    apiBase: ${base}/openai/v1`;

for (const [kind, settings, credential] of [
  ['openai_key', openai(keyBase), key], ['openai_token', openai(tokenBase), token], ['azure_key', azure, key],
]) {
  register(`${kind}/chat`, (name) => {
    const home = folder();
    const file = join(home, 'config.yaml');
    writeFileSync(file, `name: apim-edge
version: 0.0.1
schema: v1
models:
  - name: through apim-edge
    model: ${model}
    apiKey: ${credential}${settings}
    requestOptions: {headers: {${field}: ${name}}}
`);
    return answers(name, process.execPath, [program, '--config', file, '--print', prompt(name)], { CONTINUE_TELEMETRY_ENABLED: '0' }, home);
  });
}

await main();
