// Runs a program that chats, as its user would, with a home of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { prompt } from '../node/case_line.mjs';

const patience = 60_000;

export const installed = (path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

// A folder of one case, in the home that the test gives and takes away.
export const folder = () => mkdtempSync(join(process.env.HOME, 'case-'));

class Refused extends Error {
  constructor(said) {
    super(said.slice(-1500));
    this.status = Number(/\b(?:401|403|404|429|500)\b/.exec(said)?.[0] ?? 0);
  }
}

function run(command, args, env, cwd) {
  return new Promise((resolve, reject) => {
    const program = spawn(command, args, {
      cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: patience, killSignal: 'SIGKILL',
      env: { PATH: process.env.PATH, HOME: cwd, LANG: 'C.UTF-8', NO_PROXY: '*', NO_COLOR: '1', ...env },
    });
    let out = '';
    let all = '';
    program.stdout.on('data', (data) => { out += data; all += data; });
    program.stderr.on('data', (data) => { all += data; });
    program.on('error', reject);
    program.on('close', (code, signal) => resolve({ out, all, code, signal }));
  });
}

// The answer has to be whole. Some programs put words of their own around the prompt.
export async function answers(name, command, args, env = {}, cwd = folder()) {
  const { out, all, code, signal } = await run(command, args, env, cwd);
  if (!out.includes('You said: ') || !out.includes(prompt(name)) || !out.trimEnd().endsWith('holds them back.')) {
    throw new Refused(`${command} ended with ${code ?? signal} and said:\n${all}`);
  }
}
