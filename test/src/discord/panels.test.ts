import { describe, expect, it } from 'vitest';
import type { Json, Message } from '../../discord/index.ts';
import { latest } from '../../discord/world.ts';
import { botConfig, runsOn } from '../../support/bots.ts';
import { makeDiscord } from '../../support/discord.ts';
import { answerTo, answerWith, messageOf, shortestPause, startBot } from '../../support/discord-bot.ts';
import { until } from '../../support/instance.ts';

const fast = { editMs: 100, panelMs: 450 };
const cli = { id: 'cli:test', name: 'test', surface: 'cli', rights: ['read', 'operate', 'deploy'] } as const;

/** A bot with a bot of its own to look after. */
async function makePanelBot(
  timing: object = fast,
  bots: object = { DataBot: { sh: runsOn, autostart: false } },
) {
  const discord = await makeDiscord();
  const [ada, eve] = [discord.person('Ada'), discord.person('Eve')];
  const config = JSON.parse(botConfig(bots as never, { restart_delay: 0 })) as object;
  const bot = await startBot(discord, ada, {
    config: { ...config, discord: { noticesChannel: discord.home.id } },
    timing,
  });
  const call = (tool: string, input: object) => bot.instance.dispatcher.call(cli, tool, input);
  const open = async () => {
    const deed = ada.command('process', 'list');
    await answerTo(deed);
    return deed;
  };
  return { discord, ada, eve, bot, call, open };
}

describe('the status panel', () => {
  it('shows how things are, and goes on showing it', async () => {
    const { ada, open, call } = await makePanelBot();
    const deed = await open();
    await call('start', { bot: 'DataBot' });
    await answerWith(deed, /DataBot[\s\S]*running/);
    ada.choose(messageOf(deed), ['DataBot']);
    await answerWith(deed, /\*\*DataBot\*\* · running\n```\nup/);
    await call('stop', { bot: 'DataBot' });
    await answerWith(deed, /\*\*DataBot\*\* · stopped/);
  });

  it('restarts and stops what is chosen, and shows logs to whoever asks for them', async () => {
    const { ada, open, call, bot } = await makePanelBot();
    await call('start', { bot: 'DataBot' });
    const before = await pidOf(call);
    const deed = await open();
    ada.choose(messageOf(deed), ['DataBot']);
    await until('it is chosen', () => isPressable(messageOf(deed), 'Restart'));
    const logs = ada.press(messageOf(deed), 'Logs');
    expect(await answerTo(logs)).toContain('up');
    expect(latest(messageOf(logs)).flags & 64).toBe(64);
    const restart = ada.press(messageOf(deed), 'Restart');
    const again = ada.pressId(messageOf(deed), 'panel:restart');
    expect(await answerTo(again)).toBe('This is under way already.');
    await answerWith(restart, /DataBot\s+running/);
    expect(await pidOf(call)).not.toBe(before);
    await answerWith(ada.press(messageOf(deed), 'Stop'), /DataBot\s+stopped/);
    await answerWith(deed, /\*\*DataBot\*\* · stopped/);
    const acts = bot.instance.history
      .recent({ limit: 20, actor: `discord:${ada.id}` })
      .map(({ action }) => action);
    expect(acts).toEqual(['stop', 'restart', 'logs', 'list']);
  });

  it('ends a process that is no bot with Stop', async () => {
    const { ada, open, call } = await makePanelBot(fast, {});
    await call('run', { command: 'sleep 100', name: 'sleeper' });
    const deed = await open();
    const [, option] = optionsOf(messageOf(deed));
    expect(option?.label).toBe('sleeper');
    ada.choose(messageOf(deed), [String(option?.value)]);
    await answerWith(deed, /\*\*sleeper\*\* · running/);
    expect(isPressable(messageOf(deed), 'Restart')).toBe(false);
    await answerWith(ada.press(messageOf(deed), 'Stop'), /killed|exited/);
    await answerWith(deed, /\*\*sleeper\*\* · (killed|exited)/);
    expect(isPressable(messageOf(deed), 'Stop')).toBe(false);
  });

  it('obeys no outsider, whatever they press', async () => {
    const { ada, eve, open, call, bot } = await makePanelBot();
    await call('start', { bot: 'DataBot' });
    const deed = await open();
    ada.choose(messageOf(deed), ['DataBot']);
    await until('it is chosen', () => isPressable(messageOf(deed), 'Stop'));
    for (const button of ['Refresh', 'Logs', 'Restart', 'Stop']) {
      const click = eve.press(messageOf(deed), button);
      expect(await answerTo(click)).toMatch(/which Eve does not have/);
      expect(latest(messageOf(click)).flags & 64).toBe(64);
    }
    expect(await answerTo(eve.choose(messageOf(deed), ['staging']))).toMatch(/which Eve does not have/);
    expect(deed.text).toContain('**DataBot** · running');
    const rows = bot.instance.history.recent({ limit: 20, actor: `discord:${eve.id}` });
    expect(rows.every(({ outcome }) => outcome === 'refused')).toBe(true);
    expect(rows).toHaveLength(5);
  });

  it('is refused by a staging bot that has the token now, which says why', async () => {
    const { discord, ada, open, bot } = await makePanelBot();
    const deed = await open();
    await bot.stop();
    const edits = discord.editsOf(messageOf(deed)).length;
    await startBot(discord, ada, { root: bot.root, env: { BOT_ROLE: 'staging' }, timing: fast });
    const click = ada.press(messageOf(deed), 'Refresh');
    expect(await answerTo(click)).toMatch(/This is a staging bot.*manages nothing/);
    expect(latest(messageOf(click)).flags & 64).toBe(64);
    expect(discord.editsOf(messageOf(deed))).toHaveLength(edits);
  });

  it('works on after a restart of the bot, when somebody presses it', async () => {
    const { discord, ada, open, bot } = await makePanelBot();
    const deed = await open();
    ada.choose(messageOf(deed), ['DataBot']);
    await until('it is chosen', () => isPressable(messageOf(deed), 'Restart'));
    await bot.stop();
    const config = JSON.parse(botConfig({ DataBot: { sh: runsOn, autostart: false } })) as object;
    await startBot(discord, ada, { root: bot.root, config, timing: fast });
    const edits = discord.editsOf(messageOf(deed)).length;
    ada.press(messageOf(deed), 'Refresh');
    await until('it is refreshed', () => discord.editsOf(messageOf(deed)).length > edits);
    expect(deed.text).toContain('**DataBot** · stopped');
  });
});

describe('a panel in a channel that the bot cannot see', () => {
  it('is shown, and works on after a restart: whoever presses it lets the bot in', async () => {
    const { discord, ada, open, bot } = await makePanelBot();
    discord.world.lacking.set(discord.home.id, 'view');
    const deed = await open();
    await bot.stop();
    discord.expireTokens();
    const config = JSON.parse(botConfig({ DataBot: { sh: runsOn, autostart: false } })) as object;
    await startBot(discord, ada, { root: bot.root, config, timing: fast });
    ada.choose(messageOf(deed), ['DataBot']);
    await answerWith(deed, /\*\*DataBot\*\* · stopped/);
    const edits = discord.editsOf(messageOf(deed)).length;
    await until('it goes on', () => discord.editsOf(messageOf(deed)).length > edits + 1);
    expect(discord.requests.filter(({ status }) => status === 403)).toEqual([]);
  });
});

describe('a panel is bounded', () => {
  it('it stops when nobody has used it for a while, says so, and goes on when somebody does', async () => {
    const { discord, ada, open } = await makePanelBot({ editMs: 100, panelMs: 200, panelLifeMs: 900 });
    const deed = await open();
    await answerWith(deed, /press Refresh to go on/);
    const edits = discord.editsOf(messageOf(deed)).length;
    expect(edits).toBeLessThanOrEqual(6);
    const requests = discord.requests.length;
    const later = Date.now() + 1_000;
    await until('the time of some refreshes has passed', () => Date.now() > later);
    expect(discord.requests.length).toBe(requests);
    ada.press(messageOf(deed), 'Refresh');
    await until('it goes on', () => !/press Refresh/.test(deed.text));
  });

  it('a second one in the same channel takes its place', async () => {
    const { discord, open } = await makePanelBot({ editMs: 100, panelMs: 200 });
    const first = await open();
    const second = await open();
    const edits = discord.editsOf(messageOf(first)).length;
    await until('the second is refreshed', () => discord.editsOf(messageOf(second)).length >= 3);
    expect(discord.editsOf(messageOf(first)).length).toBeLessThanOrEqual(edits + 1);
  });

  it('a first one whose picture is not there yet is shown all the same', async () => {
    const { discord, ada } = await makePanelBot();
    discord.faults.next({ method: 'PATCH', status: 'drop' });
    const first = ada.command('process', 'list');
    await until('its picture was lost', () => discord.requests.some(({ status }) => status === 0));
    const second = ada.command('process', 'list');
    await answerTo(second);
    expect(await answerTo(first)).toContain('press Refresh to go on');
  });

  it('500 lines a second of what it shows, with a hook on each of them, are at most one edit in two seconds', async () => {
    // The pauses of a real bot; only the panel looks more often than it would.
    const { discord, ada, open, call } = await makePanelBot({ panelMs: 300 }, {});
    const chatter = `node -e '
      let said = 0;
      const began = Date.now();
      setInterval(() => {
        while (said < (Date.now() - began) / 2) console.log("line " + ++said);
      }, 10);
    '`;
    const { process } = (await call('run', { command: chatter, name: 'chatter' })) as {
      process: { id: string };
    };
    const watch = { process: process.id, onOutput: 'line', delay: 0, maxFires: 0, do: 'notify_channel' };
    await call('hook', watch);
    const deed = await open();
    const message = messageOf(deed);
    ada.choose(message, [process.id]);
    const written = () => Number(/line (\d+)\n```/.exec(deed.text)?.[1] ?? 0);
    const began = Date.now();
    const first = await until('it is watched', () => written() || undefined);
    await until(
      'seconds of it are seen',
      () => Date.now() - began > 4_100 && written() > first + 1_000,
      25_000,
    );
    const edits = discord.editsOf(message);
    expect(edits.length).toBeGreaterThanOrEqual(3);
    expect(shortestPause(edits)).toBeGreaterThanOrEqual(1_990);
    const posts = discord.requests.filter(
      ({ method, path }) => method === 'POST' && path.endsWith('/messages'),
    );
    expect(posts.length).toBeLessThanOrEqual(2);
  });
});

async function pidOf(
  call: (tool: string, input: object) => Promise<Record<string, unknown>>,
): Promise<number> {
  const { bot } = (await call('status', { process: 'DataBot' })) as { bot: { pid: number } };
  return bot.pid;
}

function partsOf(message: Message): Json[] {
  return latest(message).components.flatMap((row) => (row.components ?? []) as Json[]);
}

function isPressable(message: Message, label: string): boolean {
  return partsOf(message).some((part) => part.label === label && part.disabled !== true);
}

function optionsOf(message: Message): { label: string; value: string }[] {
  return partsOf(message).flatMap(({ options }) => (options ?? []) as { label: string; value: string }[]);
}
