// Codex CLI with the provider that README names.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { field, key, keyBase, main, model, prompt, register, token, tokenBase } from '../node/case_line.mjs';
import { answers, folder, installed } from './program.mjs';

const program = installed('codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex');

const config = (base, name) => `
model = "${model}"
model_provider = "apim"

[model_providers.apim]
name = "API Management"
base_url = "${base}/openai/v1"
env_key = "APIM_SUBSCRIPTION_KEY"
wire_api = "responses"
http_headers = { "${field}" = "${name}" }
request_max_retries = 0
stream_max_retries = 0
`;

for (const [kind, base, credential] of [['openai_key', keyBase, key], ['openai_token', tokenBase, token]]) {
  register(`${kind}/responses`, (name) => {
    const home = folder();
    mkdirSync(join(home, '.codex'));
    writeFileSync(join(home, '.codex', 'config.toml'), config(base, name));
    return answers(name, program, ['exec', '--skip-git-repo-check', prompt(name)], { APIM_SUBSCRIPTION_KEY: credential }, home);
  });
}

await main();
