import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../../skills/dispatch.ts';
import { type Json, latest } from '../../discord/world.ts';
import { botConfig, runsOn } from '../../support/bots.ts';
import { makeDiscord } from '../../support/discord.ts';
import { answerTo, answerWith, messageOf, startBot } from '../../support/discord-bot.ts';
import { until } from '../../support/instance.ts';
import { makeSkill, makeTool } from '../../support/skill.ts';

const fast = { editMs: 100 };

describe('everybody who is neither owner nor admin', () => {
  it('is refused on every verb, learns why alone, and nothing is run', async () => {
    const discord = await makeDiscord();
    const [ada, eve] = [discord.person('Ada'), discord.person('Eve')];
    const bot = await startBot(discord, ada, { config: { discord: { adminRoles: ['123456789012345678'] } } });
    const verbs = verbsOf(discord.world.commands.values());
    expect(verbs).toHaveLength(bot.instance.catalogue.entries.length);
    for (const verb of verbs) {
      const deed = eve.command('process', String(verb.name), requiredOf(verb));
      expect(await answerTo(deed)).toMatch(/needs the right to \w+, which Eve does not have/);
      expect(latest(messageOf(deed)).flags & 64).toBe(64);
      expect(deed.callback).toMatchObject({ type: 5 });
    }
    const rows = bot.instance.history.recent({ limit: 100, actor: `discord:${eve.id}` });
    expect(rows.map(({ outcome }) => outcome)).toEqual(verbs.map(() => 'refused'));
    expect(discord.messagesIn(discord.home)).toEqual([]);
  });

  it('may do everything with an admin role', async () => {
    const discord = await makeDiscord();
    const role = discord.world.addRole('admins');
    const bea = discord.person('Bea', [role]);
    await startBot(discord, undefined, { config: { discord: { adminRoles: [role] } }, timing: fast });
    const deed = bea.command('process', 'history');
    expect(await answerTo(deed)).toBe('Nothing was done yet.');
    expect(latest(messageOf(deed)).flags & 64).toBe(0);
  });

  it('may do so also where Discord has not told of the role, as while a server is unavailable', async () => {
    const discord = await makeDiscord();
    const role = '123456789012345678';
    const bea = discord.person('Bea', [role]);
    const skills = [makeSkill([makeTool('act', 'operate')])];
    const config = { discord: { adminRoles: [role] } };
    await startBot(discord, undefined, { config, skills, timing: fast });
    await answerWith(bea.command('trial', 'act', { target: 'this' }), /this/);
  });

  it('and even an owner is refused outside a server', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const bot = await startBot(discord, ada);
    const deed = ada.command('process', 'history', {}, { direct: true });
    expect(await answerTo(deed)).toMatch(/in a server only/);
    expect(bot.instance.history.recent({ limit: 10 })).toEqual([]);
  });
});

describe('a staging bot with a token of its own', () => {
  it('registers the commands, refuses every verb, and says why', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    await startBot(discord, ada, { env: { BOT_ROLE: 'staging' } });
    for (const verb of verbsOf(discord.world.commands.values())) {
      const deed = ada.command('process', String(verb.name), requiredOf(verb));
      expect(await answerTo(deed)).toMatch(/This is a staging bot.*manages nothing/);
    }
  });
});

describe('the registered commands', () => {
  it('say what the catalogue says: guild only, for administrators, each verb with its fields', async () => {
    const discord = await makeDiscord();
    const bot = await startBot(discord, discord.person('Ada'));
    const [command] = [...discord.world.commands.values()];
    expect(command).toMatchObject({ name: 'process', contexts: [0], default_member_permissions: '8' });
    const tools = bot.instance.catalogue.entries.map(({ tool }) => tool);
    const verbs = verbsOf(discord.world.commands.values());
    expect(verbs.map(({ name }) => name)).toEqual(tools.map(({ name }) => name));
    for (const [index, tool] of tools.entries()) {
      const options = (verbs[index]?.options ?? []) as Json[];
      expect(options.map(({ name }) => String(name).replaceAll('-', ''))).toEqual(
        expect.arrayContaining(Object.keys(tool.input.shape).map((key) => key.toLowerCase())),
      );
    }
    expect(optionOf(verbs, 'run', 'command')).toMatchObject({ type: 3, required: true });
    expect(optionOf(verbs, 'run', 'dry-run')).toMatchObject({ type: 5 });
    expect(optionOf(verbs, 'history', 'limit')).toMatchObject({ type: 4, min_value: 1, max_value: 1_000 });
    expect(optionOf(verbs, 'hook', 'do')).toMatchObject({ choices: expect.any(Array) });
    expect(optionOf(verbs, 'start', 'bot')).toMatchObject({ autocomplete: true });
  });

  it('are sent only when something has changed', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const puts = () => discord.requests.filter(({ method }) => method === 'PUT').length;
    const gets = () =>
      discord.requests.filter(({ method, path }) => method === 'GET' && /commands/.test(path)).length;
    const first = await startBot(discord, ada);
    expect(puts()).toBe(1);
    await first.stop();
    const second = await startBot(discord, ada, { root: first.root });
    await until('they were compared', () => gets() === 2);
    await second.stop();
    expect(puts()).toBe(1);
    const [command] = discord.world.commands.values();
    if (command) command.description = 'of a former version';
    await startBot(discord, ada, { root: first.root });
    await until('they are sent again', () => puts() === 2);
  });

  it('are registered in the end, whatever Discord does at first', async () => {
    const discord = await makeDiscord();
    discord.faults.next({ method: 'PUT', path: /commands/, status: 500, times: 4 });
    const bot = await startBot(discord, discord.person('Ada'), { waits: false });
    await until('the first attempt has failed', () => bot.logged(/could not be registered/));
    await until('they are there', () => discord.world.commands.size === 1);
  });

  it('hold no more than Discord takes, and the log names what found no room', async () => {
    const discord = await makeDiscord();
    const fields = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [
        `someField${index}`,
        z.string().optional().describe('x'.repeat(200)),
      ]),
    );
    const wide = (name: string) =>
      defineTool({
        name,
        title: 'y'.repeat(150),
        description: name,
        input: z.strictObject(fields),
        output: z.object({}),
        annotations: { readOnly: true, destructive: false, idempotent: true },
        permission: 'read',
        handler: async () => ({}),
      });
    const skill = makeSkill(Array.from({ length: 27 }, (_, index) => wide(`tool_${index}`)));
    const bot = await startBot(discord, discord.person('Ada'), { skills: [skill] });
    expect(verbsOf(discord.world.commands.values())).toHaveLength(25);
    for (const name of ['tool_25', 'tool_26'])
      expect(bot.logged(new RegExp(`25 subcommands.*${name}`))).toBe(true);
  });
});

describe('what somebody types', () => {
  it('becomes the input of the tool, under the names of its schema', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    await startBot(discord, ada, { timing: fast });
    const deed = ada.command('process', 'run', { command: 'ls', 'dry-run': true });
    expect(await answerTo(deed)).toMatch(/^Allowed/);
    const wrong = ada.command('process', 'logs', { process: 'nobody' });
    const text = await answerTo(wrong);
    expect(text).toMatch(/⛔ .*nobody/);
    expect(text).toContain('/process list');
    expect(text).not.toContain('understudy list');
  });

  it('is completed with bots and processes, running ones first; not for outsiders; and leaves no history', async () => {
    const discord = await makeDiscord();
    const [ada, eve] = [discord.person('Ada'), discord.person('Eve')];
    const bot = await startBot(discord, ada, {
      files: { 'config.json': botConfig({ DataBot: { sh: runsOn, autostart: false } }) },
      timing: fast,
    });
    for (const [name, command] of [
      ['worker', 'sleep 60'],
      ['quick', 'true'],
    ] as const) {
      await bot.instance.dispatcher.call(cli, 'run', { name, command, wait: name === 'quick' ? 10 : 0 });
    }
    const all = await choicesOf(ada.complete('process', 'logs', 'process', ''));
    expect(all.map(({ name }) => name.split(' ')[0])).toEqual(['staging', 'DataBot', 'worker', 'quick']);
    expect(await choicesOf(ada.complete('process', 'start', 'bot', 'data'))).toEqual([
      { name: 'DataBot · stopped', value: 'DataBot' },
    ]);
    expect(await choicesOf(eve.complete('process', 'start', 'bot', ''))).toEqual([]);
    const rows = bot.instance.history.recent({ limit: 50, actor: `discord:${ada.id}` });
    expect(rows).toEqual([]);
  });
});

describe('what somebody reads', () => {
  it('mentions nobody, stays in its frame, and holds no secret', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const secret = 'k3y-of-some-service-8842';
    const bot = await startBot(discord, ada, { files: { '.env': `SOME_SERVICE=${secret}\n` }, timing: fast });
    const print = `printf '%s\\n' '@everyone <@1>' '\`\`\`' 'out of the frame' "${secret}" '\`\`\`\`\`\`' '\u001b[31mred'`;
    await bot.instance.dispatcher.call(cli, 'run', { name: 'evil', command: print, wait: 10 });
    const deed = ada.command('process', 'logs', { process: 'evil' });
    const text = await answerTo(deed);
    expect(text).toContain('out of the frame');
    expect(text).toContain('[masked]');
    expect(text).not.toContain(secret);
    expect(text).not.toContain('\u001b');
    expect(text.match(/```/g)).toHaveLength(2);
    expect(text.startsWith('```') && text.endsWith('```')).toBe(true);
    for (const { body } of discord.requests.filter(({ body }) => body?.content !== undefined)) {
      expect(body.allowed_mentions).toEqual({ parse: [] });
    }
  });

  it('holds nothing of a key that goes over many lines', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    // Put together here, so that scanners of repositories do not take a test for a leak.
    const key = ['BEGIN', ...Array<string>(12).fill('MIIEvQIBADANBgkqhkiG9w0BAQEFAASC'), 'END']
      .map((line) => (line.startsWith('M') ? line : `-----${line} PRIVATE KEY-----`))
      .join('\n');
    const bot = await startBot(discord, ada, { files: { key }, timing: fast });
    await bot.instance.dispatcher.call(cli, 'run', {
      name: 'evil',
      command: 'echo before; cat key',
      wait: 10,
    });
    const text = await answerTo(ada.command('process', 'logs', { process: 'evil' }));
    expect(text).toContain('before');
    expect(text).not.toMatch(/MIIE|PRIVATE KEY/);
    // Begins in the middle of the key.
    expect(await answerTo(ada.command('process', 'logs', { process: 'evil', lines: 5 }))).not.toMatch(/MIIE/);
    expect(await answerTo(ada.command('process', 'status', { process: 'evil' }))).not.toMatch(/MIIE/);
  });

  it('comes as a file when it is long, with its end in the message', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const bot = await startBot(discord, ada, { timing: fast });
    await bot.instance.dispatcher.call(cli, 'run', {
      name: 'long',
      command: 'seq 1 5000 | sed s/^/line-/',
      wait: 20,
    });
    const deed = ada.command('process', 'logs', { process: 'long', lines: 5_000 });
    const text = await answerTo(deed);
    expect(text).toContain('line-5000');
    expect(text).toContain('5000 lines');
    const [file] = latest(messageOf(deed)).files;
    expect(file?.name).toBe('logs.txt');
    expect(file?.bytes.toString().split('\n')).toHaveLength(5_000);
  });

  it('is nothing at all where Discord has not heard that it is being worked on', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    let ran = 0;
    const tool = makeTool('act', 'operate', {
      handler: async () => {
        ran++;
        return { done: 'yes' };
      },
    });
    const bot = await startBot(discord, ada, { skills: [makeSkill([tool])], timing: fast });
    discord.faults.next({ path: /callback/, status: 404, code: 10_062 });
    ada.command('trial', 'act');
    await until('it is given up', () => bot.logged(/could not be acknowledged, and is not carried out/));
    const deed = ada.command('trial', 'act');
    await answerTo(deed);
    expect(ran).toBe(1);
  });

  it('gets through 429, 5xx and cut connections', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    await startBot(discord, ada, { skills: [makeSkill([makeTool('act', 'operate')])], timing: fast });
    discord.faults.next({ method: 'PATCH', status: 429, retryAfter: 0.2 });
    discord.faults.next({ method: 'PATCH', status: 502, times: 2 });
    discord.faults.next({ method: 'PATCH', status: 'drop' });
    const deed = ada.command('trial', 'act', { target: 'it' });
    expect(await answerWith(deed, /it/)).toContain('it');
    const patches = discord.requests.filter(({ method }) => method === 'PATCH').map(({ status }) => status);
    expect(patches).toEqual([429, 502, 502, 0, 200]);
  });
});

const cli = { id: 'cli:test', name: 'test', surface: 'cli', rights: ['read', 'operate', 'deploy'] } as const;

function verbsOf(commands: Iterable<Json>): Json[] {
  return [...commands].flatMap(({ options }) => (options ?? []) as Json[]);
}

function optionOf(verbs: readonly Json[], verb: string, option: string): Json | undefined {
  const found = verbs.find(({ name }) => name === verb);
  return ((found?.options ?? []) as Json[]).find(({ name }) => name === option);
}

/** Something for each option that must be given. */
function requiredOf(verb: Json): Record<string, string | number | boolean> {
  const required = ((verb.options ?? []) as Json[]).filter(({ required: isRequired }) => isRequired === true);
  const values = required.map(({ name, type, choices }) => {
    const [choice] = (choices ?? []) as { value: string }[];
    const value = type === 4 || type === 10 ? 1 : type === 5 ? true : (choice?.value ?? 'something');
    return [String(name), value] as const;
  });
  return Object.fromEntries(values);
}

async function choicesOf(deed: {
  readonly callback: Json | undefined;
}): Promise<{ name: string; value: string }[]> {
  const callback = await until('there are choices', () => deed.callback);
  expect(callback.type).toBe(8);
  return (callback.data as { choices: { name: string; value: string }[] }).choices;
}
