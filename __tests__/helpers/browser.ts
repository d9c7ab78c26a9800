import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's Chromium, or the one that CHROMIUM names. */
const EXECUTABLE = process.env['CHROMIUM'] || '/usr/bin/chromium';

/** Runs tests in a real Chromium; where there is none they are reported as skipped. */
export const describeInChromium = existsSync(EXECUTABLE)
  ? describe
  : (name: string, tests: () => void) =>
      describe.skip(`${name} (no Chromium here: apt-get install --no-install-recommends chromium)`, tests);

export function openBrowser(): Promise<Browser> {
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', ...quiet];
  return chromium.launch({ executablePath: EXECUTABLE, args });
}
