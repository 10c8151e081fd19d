// A small Discord for one test: closed with it, and the test fails when anything was sent that Discord would refuse.

import { onTestFinished } from 'vitest';
import { type SmallDiscord, type SmallDiscordOptions, startSmallDiscord } from '../discord/index.ts';

/** Starts one. `expectProblems`: this test provokes refusals, and looks at them itself. */
export async function makeDiscord(
  options: SmallDiscordOptions & { readonly expectProblems?: boolean } = {},
): Promise<SmallDiscord> {
  const discord = await startSmallDiscord(options);
  onTestFinished(async () => {
    await discord.close();
    if (!options.expectProblems && discord.problems.length > 0) {
      throw new Error(`Discord would have refused this:\n${discord.problems.join('\n')}`);
    }
  });
  return discord;
}
