import { Client, Events, GatewayIntentBits, REST, Routes } from 'discord.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeDiscord } from '../support/discord.ts';
import { until } from '../support/instance.ts';
import type { SmallDiscord } from './index.ts';

const option = (name: string, part: object = {}) => ({ type: 3, name, description: 'text', ...part });
const subcommand = (name: string, part: object = {}) => ({ type: 1, name, description: 'text', ...part });
const command = (part: object = {}) => ({ name: 'process', description: 'text', ...part });
const button = (part: object = {}) => ({ type: 2, style: 2, label: 'Go', custom_id: 'go', ...part });
const row = (...components: object[]) => ({ type: 1, components });

describe('a bad body is refused, and the reason is kept', () => {
  it.each<[string, object, RegExp]>([
    ['long content', { content: 'x'.repeat(2_001) }, /2001 characters, over 2000/],
    ['nothing to show', { content: '' }, /empty message/],
    ['a wrong type', { content: 5 }, /content/],
    ['an unknown key', { content: 'x', contents: 'y' }, /no such key/],
    ['a nested unknown key', { content: 'x', allowed_mentions: { parsed: [] } }, /allowed_mentions\.parsed/],
    ['eleven embeds', { embeds: Array.from({ length: 11 }, () => ({ title: 'x' })) }, /embeds/],
    ['26 fields', { embeds: [{ fields: Array(26).fill({ name: 'a', value: 'b' }) }] }, /fields/],
    [
      'embeds that are long together',
      { embeds: [{ description: 'x'.repeat(4_000) }, { description: 'x'.repeat(2_001) }] },
      /6001 characters/,
    ],
    [
      'six rows',
      { components: Array.from({ length: 6 }, (_, i) => row(button({ custom_id: `${i}` }))) },
      /6 rows/,
    ],
    [
      'six buttons in a row',
      { components: [row(...Array.from({ length: 6 }, (_, i) => button({ custom_id: `${i}` })))] },
      /components/,
    ],
    ['a long custom id', { components: [row(button({ custom_id: 'x'.repeat(101) }))] }, /components/],
    ['a long label', { components: [row(button({ label: 'x'.repeat(81) }))] }, /components/],
    ['a button without an id', { components: [row({ type: 2, style: 2, label: 'Go' })] }, /no custom_id/],
    ['one id twice', { components: [row(button(), button())] }, /stands there twice/],
    ['a menu beside a button', { components: [row(button(), menu())] }, /stands alone/],
    ['an option without a word', { components: [row(menu([{ label: ' ', value: 'a' }]))] }, /1 to 100/],
    ['a long description', { embeds: [{ description: 'x'.repeat(4_097) }] }, /description/],
    ['a long field', { embeds: [{ fields: [{ name: 'a', value: 'x'.repeat(1_025) }] }] }, /value/],
    ['a long nonce', { content: 'x', nonce: 'n'.repeat(26) }, /nonce/],
    ['an empty menu', { components: [row(menu([]))] }, /no options|components/],
    [
      'two kinds of mention at once',
      { content: 'x', allowed_mentions: { parse: ['users'], users: ['1'] } },
      /exclude/,
    ],
  ])('%s', async (_, body, reason) => {
    const discord = await makeDiscord({ expectProblems: true });
    const posted = rest(discord).post(Routes.channelMessages(discord.home.id), { body });
    await expect(posted).rejects.toMatchObject({ code: 50_035 });
    expect(discord.problems).toHaveLength(1);
    expect(discord.problems[0]).toMatch(reason);
    expect(discord.messagesIn(discord.home)).toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    ['capitals', command({ name: 'Process' }), /'Process' is no name/],
    ['a space', command({ options: [subcommand('start all')] }), /'start all' is no name/],
    ['no description', { name: 'process' }, /no description/],
    ['a long description', command({ description: 'x'.repeat(101) }), /description/],
    ['26 options', command({ options: Array.from({ length: 26 }, (_, i) => option(`o${i}`)) }), /options/],
    ['one name twice', command({ options: [option('a'), option('a')] }), /stands there twice/],
    [
      'required behind optional',
      command({ options: [option('a'), option('b', { required: true })] }),
      /required option/,
    ],
    ['options beside subcommands', command({ options: [subcommand('a'), option('b')] }), /mixed/],
    [
      'choices that are completed',
      command({ options: [option('a', { autocomplete: true, choices: [{ name: 'a', value: 'a' }] })] }),
      /exclude each other/,
    ],
    [
      'more than 8,000 characters',
      command({
        options: Array.from({ length: 25 }, (_, i) =>
          subcommand(`s${i}`, {
            options: Array.from({ length: 4 }, (__, j) => option(`o${j}`, { description: 'x'.repeat(90) })),
          }),
        ),
      }),
      /over 8000/,
    ],
  ])('a command: %s', async (_, body, reason) => {
    const discord = await makeDiscord({ expectProblems: true });
    const put = rest(discord).put(Routes.applicationCommands(discord.world.applicationId), { body: [body] });
    await expect(put).rejects.toMatchObject({ code: 50_035 });
    expect(discord.problems[0]).toMatch(reason);
    expect(discord.world.commands.size).toBe(0);
  });

  it('files: too large, or not named', async () => {
    const discord = await makeDiscord({ expectProblems: true });
    const post = (bytes: number, body: object) =>
      rest(discord).post(Routes.channelMessages(discord.home.id), {
        body,
        files: [{ name: 'a.txt', data: Buffer.alloc(bytes) }],
      });
    await expect(post(10 * 1024 ** 2 + 1, {})).rejects.toMatchObject({ code: 50_035 });
    await expect(post(1, { attachments: [{ id: 1, filename: 'b.txt' }] })).rejects.toThrow();
    await post(1, { attachments: [{ id: '0', filename: 'a.txt' }] });
    expect(discord.problems).toHaveLength(2);
  });

  it('requests that come faster than Discord allows', async () => {
    const discord = await makeDiscord({ expectProblems: true });
    const headers = { authorization: `Bot ${discord.token}`, 'content-type': 'application/json' };
    const url = `${discord.url}/v10${Routes.channelMessages(discord.home.id)}`;
    const statuses = [];
    for (let index = 0; index < 6; index++) {
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ content: 'x' }) });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    expect(discord.problems[0]).toMatch(/faster than Discord allows/);
  });
});

describe('a channel', () => {
  it('that the bot cannot see, cannot write to, or that is gone, is closed to it', async () => {
    const discord = await makeDiscord();
    const path = Routes.channelMessages(discord.home.id);
    const post = () => rest(discord).post(path, { body: { content: 'x' } });
    const { id } = (await post()) as { id: string };
    discord.world.lacking.set(discord.home.id, 'send');
    await expect(post()).rejects.toMatchObject({ status: 403, code: 50_013 });
    await expect(rest(discord).patch(`${path}/${id}`, { body: { content: 'y' } })).resolves.toBeDefined();
    discord.world.lacking.set(discord.home.id, 'view');
    await expect(rest(discord).get(`${path}/${id}`)).rejects.toMatchObject({ status: 403, code: 50_001 });
    discord.world.channels.delete(discord.home.id);
    await expect(post()).rejects.toMatchObject({ status: 404, code: 10_003 });
  });
});

describe('a reply', () => {
  it('to what is not there, or is elsewhere, is refused unless that does not matter', async () => {
    const discord = await makeDiscord();
    const ada = discord.person('Ada');
    const path = Routes.channelMessages(discord.home.id);
    const elsewhere = ada.say(discord.world.directChannel(ada.id).id, 'x');
    const reply = (id: string, part: object = {}) =>
      rest(discord).post(path, { body: { content: 'y', message_reference: { message_id: id, ...part } } });
    await expect(reply('123456789012345678')).rejects.toMatchObject({ code: 50_035 });
    await expect(reply(elsewhere.id)).rejects.toMatchObject({ code: 50_035 });
    expect(await reply(elsewhere.id, { fail_if_not_exists: false })).toMatchObject({ type: 0 });
    const here = ada.say(discord.home.id, 'x');
    expect(await reply(here.id)).toMatchObject({ type: 19, referenced_message: { id: here.id } });
  });
});

describe('a thread', () => {
  it('has the id of the message that it was made of, which has no other', async () => {
    const discord = await makeDiscord();
    const { id } = discord.person('Ada').say(discord.home.id, 'x');
    const make = () => rest(discord).post(Routes.threads(discord.home.id, id), { body: { name: 'talk' } });
    expect(await make()).toMatchObject({ id, parent_id: discord.home.id, type: 11 });
    await expect(make()).rejects.toMatchObject({ code: 160_004 });
  });
});

it('gives out the files of messages to whoever has their address', async () => {
  const discord = await makeDiscord();
  const files = [{ name: 'a b.txt', bytes: Buffer.from('inside') }];
  const message = discord.person('Ada').say(discord.home.id, '', { files });
  const [{ url, content_type: kind }] = discord.world.messageJson(message).attachments as [
    { url: string; content_type: string },
  ];
  expect(kind).toBe('text/plain; charset=utf-8');
  expect(await (await fetch(url)).text()).toBe('inside');
  expect((await fetch(`${new URL(url).origin}/attachments/1/2/0/x`)).status).toBe(404);
});

it('shows commands only where their contexts say so', async () => {
  const discord = await makeDiscord();
  const ada = discord.person('Ada');
  const body = [command({ name: 'here', contexts: [0] }), command({ name: 'everywhere', contexts: [0, 1] })];
  await rest(discord).put(Routes.applicationCommands(discord.world.applicationId), { body });
  expect(() => ada.slash('here', { direct: true })).toThrow(/not to be seen here/);
  expect(() => ada.slash('here')).not.toThrow();
  expect(() => ada.slash('everywhere', { direct: true })).not.toThrow();
});

describe('REST', () => {
  it('takes 50 requests a second of a bot, and no more', async () => {
    const discord = await makeDiscord({ expectProblems: true, now: () => 1_800_000_000_000 });
    const headers = { authorization: `Bot ${discord.token}` };
    const ask = () => fetch(`${discord.url}/v10/users/@me`, { headers });
    for (let index = 0; index < 50; index++) expect((await ask()).status).toBe(200);
    const answer = await ask();
    expect(answer.status).toBe(429);
    expect(await answer.json()).toMatchObject({ global: true });
    expect(discord.problems[0]).toMatch(/50 requests in a second/);
  });

  it('forgets a nonce after a few minutes', async () => {
    let skew = 0;
    const discord = await makeDiscord({ now: () => Date.now() + skew });
    const body = { content: 'hello', nonce: 'n1', enforce_nonce: true };
    const path = Routes.channelMessages(discord.home.id);
    const first = (await rest(discord).post(path, { body })) as { id: string };
    skew = 301_000;
    const second = (await rest(discord).post(path, { body })) as { id: string };
    expect(second.id).not.toBe(first.id);
  });

  it('takes what is right, answers 204 without a content type, and repeats nothing with the same nonce', async () => {
    const discord = await makeDiscord();
    const body = { content: 'hello', components: [row(button())], nonce: 'n1', enforce_nonce: true };
    const path = Routes.channelMessages(discord.home.id);
    const first = await rest(discord).post(path, { body });
    const second = await rest(discord).post(path, { body });
    expect(second).toMatchObject({ id: (first as { id: string }).id });
    const typing = await fetch(`${discord.url}/v10${Routes.channelTyping(discord.home.id)}`, {
      method: 'POST',
      headers: { authorization: `Bot ${discord.token}` },
    });
    expect(typing.status).toBe(204);
    expect(typing.headers.get('content-type')).toBeNull();
  });

  it('knows no other token, and no route that it does not have', async () => {
    const discord = await makeDiscord({ expectProblems: true });
    const wrong = new REST({ api: discord.url, retries: 0 }).setToken('wrong');
    await expect(wrong.get(Routes.gatewayBot())).rejects.toMatchObject({ status: 401 });
    await expect(rest(discord).get('/nowhere')).rejects.toMatchObject({ status: 404 });
    expect(discord.problems[0]).toMatch(/no such route/);
  });

  it('fails on demand', async () => {
    const discord = await makeDiscord();
    discord.faults.next({ path: /gateway/, status: 503, times: 4 });
    await expect(rest(discord).get(Routes.gatewayBot())).rejects.toMatchObject({ status: 503 });
    discord.faults.next({ path: /gateway/, status: 429, retryAfter: 0.05 });
    await expect(rest(discord).get(Routes.gatewayBot())).resolves.toMatchObject({ shards: 1 });
    discord.faults.next({ path: /gateway/, status: 'drop' });
    await expect(rest(discord).get(Routes.gatewayBot())).rejects.toThrow(/other side closed/);
    expect(discord.requests.map(({ status }) => status)).toEqual([503, 503, 503, 503, 429, 200, 0]);
  });
});

describe('interactions', () => {
  it('take 25 choices of 100 characters, and no more', async () => {
    const discord = await makeDiscord({ expectProblems: true });
    await rest(discord).put(Routes.applicationCommands(discord.world.applicationId), {
      body: [
        command({ options: [subcommand('list', { options: [option('bot', { autocomplete: true })] })] }),
      ],
    });
    const answer = async (choices: object[]) => {
      const { record } = discord.person('Ada').complete('process', 'list', 'bot', '');
      const path = Routes.interactionCallback(record.id, record.token);
      await rest(discord).post(path, { body: { type: 8, data: { choices } }, auth: false });
    };
    const choice = (index: number, name = `${index}`) => ({ name, value: `${index}` });
    const many = Array.from({ length: 26 }, (_, index) => choice(index));
    await answer(many.slice(1));
    for (const bad of [many, [choice(1, 'x'.repeat(101))], [choice(1, ' ')]]) {
      await expect(answer(bad)).rejects.toMatchObject({ code: 50_035 });
    }
  });

  it('reach a client of discord.js, take one answer, and lose their token', async () => {
    const discord = await makeDiscord();
    await rest(discord).put(Routes.applicationCommands(discord.world.applicationId), {
      body: [command({ options: [subcommand('list')] })],
    });
    const client = await connect(discord);
    client.on(Events.InteractionCreate, async (interaction) => {
      if (!interaction.isChatInputCommand()) return;
      await interaction.deferReply();
      await interaction.editReply({
        content: `${interaction.options.getSubcommand()} by ${interaction.user.username}`,
      });
      discord.expireTokens();
      await interaction.editReply({ content: 'too late' }).catch(() => {});
    });
    const deed = discord.person('Ada').command('process', 'list');
    await until('it is answered', () => deed.text === 'list by Ada');
    expect(deed.callback).toMatchObject({ type: 5 });
    await until('the late edit is refused', () => discord.requests.at(-1)?.status === 401);
    expect(deed.text).toBe('list by Ada');
  });

  it('are forgotten after three seconds', async () => {
    let skew = 0;
    const discord = await makeDiscord({ now: () => Date.now() + skew });
    await rest(discord).put(Routes.applicationCommands(discord.world.applicationId), {
      body: [command({ options: [subcommand('list')] })],
    });
    const client = await connect(discord);
    const failure = new Promise((resolve) => {
      client.on(Events.InteractionCreate, (interaction) => {
        skew = 3_001;
        if (interaction.isChatInputCommand()) interaction.reply('late').catch(resolve);
      });
    });
    discord.person('Ada').command('process', 'list');
    await expect(failure).resolves.toMatchObject({ code: 10_062 });
  });
});

function menu(options: object[] = [{ label: 'a', value: 'a' }]): object {
  return { type: 3, custom_id: 'menu', options };
}

function rest(discord: SmallDiscord): REST {
  return new REST({ api: discord.url }).setToken(discord.token);
}

async function connect(discord: SmallDiscord): Promise<Client> {
  const client = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: discord.url } });
  onTestFinished(() => client.destroy());
  const ready = new Promise((resolve) => client.once(Events.ClientReady, resolve));
  await client.login(discord.token);
  await ready;
  return client;
}
