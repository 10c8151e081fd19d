// `understudy dashboard`: where the local page of the running bot is.

import { z } from 'zod';
import { findPage } from '../dashboard/index.ts';
import { ownVerb } from './own-verb.ts';

export const dashboardVerb = ownVerb({
  name: 'dashboard',
  title: 'Show where the local page is',
  description:
    'Prints the address of the local page of the bot that runs here. Whoever opens it may do everything, so keep it to yourself; it holds until the bot is restarted.',
  examples: [{ command: 'dashboard', explains: 'the address to open in a browser' }],
  input: z.strictObject({}),
  async run({ findRoot }) {
    const url = findPage(findRoot());
    return { output: { url }, view: { text: url } };
  },
});
