// A promotion that somebody asks for on Discord, with everything real but Discord itself: the bot of this project, its
// watchdog, its staging. The message that the old process begins is finished by the new one.

import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeDiscord } from '../support/discord.ts';
import { codeRoot, makeInstance, until } from '../support/instance.ts';
import { isSettled, livePids, startWatchdog } from '../watchdog/support.ts';

const code = ['src', 'skills', 'package.json', 'tsconfig.json', 'watchdog.js'];

/** An instance made of this project, whose staging says something else when it starts. */
function makeProject(env: string): string {
  const config = { live: { trialSeconds: 6 }, releases: { gates: ['grep -c better src/welcome.ts'] } };
  const root = makeInstance({ '.env': env, 'config.json': JSON.stringify(config) });
  for (const place of ['.', 'staging']) {
    mkdirSync(join(root, place), { recursive: true });
    for (const name of code) cpSync(join(codeRoot, name), join(root, place, name), { recursive: true });
    writeFileSync(join(root, place, 'config.json'), JSON.stringify(config));
  }
  mkdirSync(join(root, 'node_modules'));
  for (const name of readdirSync(join(codeRoot, 'node_modules'))) {
    if (name !== '.cache')
      symlinkSync(join(codeRoot, 'node_modules', name), join(root, 'node_modules', name));
  }
  const welcome = join(root, 'staging/src/welcome.ts');
  writeFileSync(
    welcome,
    readFileSync(welcome, 'utf8').replace('Understudy runs as', 'Understudy (better) runs as'),
  );
  return root;
}

it('is refused to outsiders, confirmed by its owner, and told to its end by the version that it brought', async () => {
  const discord = await makeDiscord();
  const [ada, eve] = [discord.person('Ada'), discord.person('Eve')];
  const root = makeProject(
    [
      `DISCORD_TOKEN=${discord.token}`,
      `DISCORD_API=${discord.url}`,
      `DISCORD_OWNER_ID=${ada.id}`,
      `WAKE_CHANNEL_ID=${discord.home.id}`,
      '',
    ].join('\n'),
  );
  const watchdog = startWatchdog(root);
  await until('its commands are there', () => watchdog.output().includes('commands are registered'), 40_000);
  const refused = eve.command('process', 'promote', {});
  await until('she is refused', () => refused.text.includes('which Eve does not have'));

  const deed = ada.command('process', 'promote', { reason: 'a better welcome' });
  await until('he is asked', () => JSON.stringify(deed.reply ?? '').includes('Confirm'));
  const [before] = livePids(root);
  if (!deed.reply) throw new Error('there is no question');
  ada.press(deed.reply, 'Confirm');
  await until('the message says how it ended', () => deed.text.includes('✅ v1.1 is live.'), 60_000);
  await until('it is settled', () => isSettled(root));
  expect(livePids(root)).toHaveLength(1);
  expect(livePids(root)).not.toContain(before);
  expect(watchdog.output()).toContain('Understudy (better) runs as the live bot');
  await until('the channel hears of it', () =>
    discord.messagesIn(discord.home).some((message) => discord.textOf(message).includes('🔔 v1.1 is live.')),
  );
  expect(await watchdog.stop()).toBe(0);
}, 150_000);
