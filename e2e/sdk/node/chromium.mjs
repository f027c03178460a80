// Headless Chromium for the browser cases.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const artifacts = process.env.E2E_ARTIFACTS;
mkdirSync(artifacts, { recursive: true });

export const launch = (more = []) => chromium.launch({
  executablePath: process.env.E2E_CHROMIUM,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', ...more,
  ],
});

export const photograph = (tab, name) => tab.screenshot({ path: join(artifacts, `${name}.png`) });
