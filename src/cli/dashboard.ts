// `understudy dashboard`: where the local page of the running bot is.

import { findPage } from '../dashboard/index.ts';
import type { OwnVerb } from './program.ts';

export const dashboardVerb: OwnVerb = {
  name: 'dashboard',
  title: 'Show where the local page is',
  description:
    'Prints the address of the local page of the bot that runs here. Whoever opens it may do everything, so keep it to yourself; it holds until the bot is restarted.',
  examples: [{ command: 'dashboard', explains: 'the address to open in a browser' }],
};

/** Prints it; a Failure when no bot runs. The exit code. */
export function printAddress(root: string, asJson: boolean): number {
  const url = findPage(root);
  process.stdout.write(`${asJson ? JSON.stringify({ url }) : url}\n`);
  return 0;
}
