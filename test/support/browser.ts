// A real headless Chromium for tests of the page. Where none is installed the tests are skipped, and say so loudly.
// Every page that is opened fails its test when the browser's console has an error, or a rule of the CSP was broken.

import type { Browser, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { browserPath, startBrowser } from './chromium.ts';

export { browserPath, startBrowser };

if (browserPath === undefined) {
  process.stderr.write(
    '\n*** THE TESTS OF THE PAGE IN A BROWSER ARE SKIPPED: there is no Chromium. Install it: apt-get install chromium ***\n\n',
  );
}

/** How a test looks at the page. */
export interface ViewOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  /** Errors that belong to the test, such as of a server that is away. */
  readonly expects?: RegExp;
}

/** A tab of its own, with nothing kept of others. */
export async function openTab(browser: Browser, options: ViewOptions = {}): Promise<Page> {
  const { width = 1_100, height = 800, colorScheme = 'light', expects } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const tab = await context.newPage();
  const faults: string[] = [];
  tab.on('pageerror', (error) => faults.push(error.stack ?? String(error)));
  tab.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    const text = `${message.text()} ${message.location().url}`;
    if (!expects?.test(text)) faults.push(text);
  });
  // A dialog of the browser's own comes only from code that somebody smuggled in.
  tab.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await tab.addInitScript(
    "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI))",
  );
  tab.setDefaultTimeout(20_000);
  onTestFinished(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });
  return tab;
}

/** What would have to be scrolled sideways. */
export function overflow(tab: Page): Promise<string[]> {
  return tab.evaluate(`(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > width + 1)
      .map((e) => e.tagName + '.' + e.className).slice(0, 10);
  })()`);
}
