// The reason for all of it, with everything real but the model and Discord (demo/story.ts): a bot that rewrites itself,
// wakes up as the new version still knowing what it was doing, and repairs what was taken back.

import { expect, it } from 'vitest';
import { tell } from '../../demo/story.ts';

it('edits, rehearses, promotes and repairs itself', async () => {
  const { lines, problems, releases, welcome } = await tell(() => {});
  const said = (who: string) => lines.filter((line) => line.who === who).map(({ text }) => text);
  expect(problems).toEqual([]);
  expect(releases).toMatchObject([
    { version: 'v1.1', state: 'good' },
    { version: 'v1.2', state: 'reverted' },
  ]);
  // The new version says so itself, in the words that it was given.
  expect(said('watchdog')).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^v1\.1: switching/),
      expect.stringMatching(/^Understudy, in good spirits, runs as the live bot/),
      expect.stringMatching(/^v1\.1 is good/),
      expect.stringMatching(/^v1\.2 is taken back/),
      expect.stringMatching(/^v1\.1 is back/),
    ]),
  );
  const bot = said('bot').join('\n');
  expect(bot).toMatch(/I promote it\.[\s\S]*v1\.1 is live\.[\s\S]*I am the new version/);
  expect(bot).toMatch(/v1\.2 failed and v1\.1 is back[\s\S]*ENOENT[\s\S]*I repair that in staging/);
  expect(bot).toMatch(/It is repaired in staging, and Test Bud is well/);
  // Live is the version that works; staging has the repair.
  expect(welcome.live).toContain('in good spirits, runs as');
  expect(welcome.live).not.toContain('starts.txt');
  expect(welcome.staging).toContain('function startNumber()');
}, 240_000);
