import { describe, expect, it } from 'vitest';
import type { Json, Message } from '../../discord/index.ts';
import { latest } from '../../discord/world.ts';
import { makeDiscord } from '../../support/discord.ts';
import { answerTo, answerWith, messageOf, startBot } from '../../support/discord-bot.ts';
import { until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

const fast = { editMs: 100 };

/** A bot with one tool that asks, and what that tool was run with. */
async function makeAskingBot(part: { now?: () => number } = {}) {
  const discord = await makeDiscord();
  const [ada, eve] = [discord.person('Ada'), discord.person('Eve')];
  const bea = discord.person('Bea');
  const ran: string[] = [];
  const tool = makeTool('act', 'deploy', {
    title: 'Do it',
    decide: () => 'ask',
    handler: async (_, { target }) => {
      ran.push(target);
      return { done: target };
    },
  });
  const skill = makeSkill([tool]);
  const bot = await startBot(discord, ada, {
    skills: [skill],
    timing: fast,
    env: { DISCORD_OWNER_ID: `${ada.id},${bea.id}` },
    ...(part.now ? { clock: { now: part.now } } : {}),
  });
  const ask = async () => {
    const deed = ada.command('trial', 'act', { target: 'this' });
    await answerWith(deed, /Do it: this\?/);
    return deed;
  };
  return { discord, ada, eve, bea, ran, bot, ask, skill };
}

describe('a click that must do nothing', () => {
  it('of another user, owner or not: they alone are told, and the question stays', async () => {
    const { ada, eve, bea, ran, ask } = await makeAskingBot();
    const deed = await ask();
    for (const other of [eve, bea]) {
      const click = other.pressId(messageOf(deed), buttonOf(messageOf(deed), 'Confirm'));
      expect(await answerTo(click)).toBe('Only Ada can answer this.');
      expect(latest(messageOf(click)).flags & 64).toBe(64);
    }
    expect(ran).toEqual([]);
    ada.press(messageOf(deed), 'Confirm');
    await answerWith(deed, /done/);
    expect(ran).toEqual(['this']);
  });

  it('that comes a second time, at once or later', async () => {
    const { ada, ran, ask } = await makeAskingBot();
    const deed = await ask();
    const button = buttonOf(messageOf(deed), 'Confirm');
    const clicks = [ada.pressId(messageOf(deed), button), ada.pressId(messageOf(deed), button)];
    await answerWith(deed, /done/);
    const late = ada.pressId(messageOf(deed), button);
    expect(await answerTo(late)).toBe('This was answered already.');
    await until('both are answered', () => clicks.every(({ callback }) => callback !== undefined));
    const kinds = clicks.map(({ callback }) => (callback as { type: number }).type).sort();
    expect(kinds).toEqual([4, 7]);
    expect(ran).toEqual(['this']);
  });

  it('after it has expired', async () => {
    let skew = 0;
    const { ada, ran, ask, bot } = await makeAskingBot({ now: () => Date.now() + skew });
    const deed = await ask();
    skew = 120_000;
    const click = ada.press(messageOf(deed), 'Confirm');
    expect(await answerTo(click)).toBe('This question has expired. Ask again.');
    expect(await answerWith(deed, /needs a confirmation/)).toContain('there was none');
    expect(latest(messageOf(deed)).components).toEqual([]);
    expect(ran).toEqual([]);
    expect(bot.instance.history.recent({ limit: 1 })[0]).toMatchObject({ outcome: 'refused' });
  });

  it('on a question of before a restart', async () => {
    const { discord, ada, ran, ask, bot, skill } = await makeAskingBot();
    const deed = await ask();
    const button = buttonOf(messageOf(deed), 'Confirm');
    await bot.stop();
    await startBot(discord, ada, { root: bot.root, skills: [skill], timing: fast });
    expect(await answerTo(ada.pressId(messageOf(deed), button))).toMatch(
      /open no more: the bot was restarted/,
    );
    await answerWith(deed, /restarted while 'act' was under way/);
    expect(latest(messageOf(deed)).components).toEqual([]);
    expect(ran).toEqual([]);
  });

  it('of somebody who lost the right to it since they asked', async () => {
    const discord = await makeDiscord();
    const role = discord.world.addRole('admins');
    const bea = discord.person('Bea', [role]);
    const ran: string[] = [];
    const tool = makeTool('act', 'deploy', {
      decide: () => 'ask',
      handler: async (_, { target }) => {
        ran.push(target);
        return { done: target };
      },
    });
    await startBot(discord, undefined, {
      config: { discord: { adminRoles: [role] } },
      skills: [makeSkill([tool])],
      timing: fast,
    });
    const deed = bea.command('trial', 'act');
    await answerWith(deed, /act: all\?/);
    discord.world.setRoles(bea.id, []);
    expect(await answerTo(bea.press(messageOf(deed), 'Confirm'))).toBe('You may not do this any more.');
    discord.world.setRoles(bea.id, [role]);
    expect(ran).toEqual([]);
    bea.press(messageOf(deed), 'Cancel');
    await answerWith(deed, /needs a confirmation/);
    expect(ran).toEqual([]);
  });

  it('that Discord did not let us acknowledge', async () => {
    const { discord, ada, ran, ask } = await makeAskingBot();
    const deed = await ask();
    discord.faults.next({ path: /callback/, status: 404, code: 10_062 });
    ada.press(messageOf(deed), 'Confirm');
    await answerWith(deed, /needs a confirmation/);
    expect(ran).toEqual([]);
  });
});

describe('a question', () => {
  it('reaches whoever is asked, also when the connection breaks just then', async () => {
    const { discord, ada, ran } = await makeAskingBot();
    discord.faults.next({ method: 'PATCH', status: 'drop' });
    const deed = ada.command('trial', 'act', { target: 'this' });
    await answerWith(deed, /Do it: this\?/);
    ada.press(messageOf(deed), 'Confirm');
    await answerWith(deed, /done/);
    expect(ran).toEqual(['this']);
  });

  it('shows the exact input, and is denied by its other button', async () => {
    const { ada, ran, ask } = await makeAskingBot();
    const deed = await ask();
    expect(deed.text).toContain('target: this');
    ada.press(messageOf(deed), 'Cancel');
    await answerWith(deed, /needs a confirmation/);
    expect(ran).toEqual([]);
  });

  it('asked twice is two questions: an answer to one is none to the other', async () => {
    const { ada, ran, ask } = await makeAskingBot();
    const [one, other] = [await ask(), await ask()];
    ada.press(messageOf(one), 'Confirm');
    await answerWith(one, /done/);
    expect(ran).toEqual(['this']);
    expect(other.text).toMatch(/Do it: this\?/);
    ada.press(messageOf(other), 'Cancel');
    await answerWith(other, /needs a confirmation/);
    expect(ran).toEqual(['this']);
  });
});

function buttonOf(message: Message, label: string): string {
  const parts = latest(message).components.flatMap((row) => (row.components ?? []) as Json[]);
  return String(parts.find((part) => part.label === label)?.custom_id);
}
