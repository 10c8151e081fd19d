// The whole story with everything real but the model and Discord: the bot of this project under its own watchdog, its
// staging, Test Bud, gates, a switch and a way back. `npm run demo` tells it on the terminal; a system test reads it.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AgentServer, startAnthropicServer } from '../test/agent-servers/index.ts';
import { type Message, type Person, type SmallDiscord, startSmallDiscord } from '../test/discord/index.ts';
import { latest } from '../test/discord/world.ts';
import { reply, wishes } from './script.ts';

const codeRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const code = ['src', 'skills', 'package.json', 'tsconfig.json', 'watchdog.js', 'SOUL.md', 'IDENTITY.md'];
const config = {
  live: { trialSeconds: 5 },
  staging: { ready: { heartbeat: true } },
  releases: { gates: ['node --import tsx src/index.ts --check'] },
};
const longestWaitMs = 90_000;

/** Something that happened, in the order in which people saw it. */
export interface Line {
  readonly who: string;
  readonly text: string;
}

/** What is left when the story is over. */
export interface Outcome {
  readonly root: string;
  readonly lines: readonly Line[];
  /** What anybody would have refused: Discord, or the provider of the model. */
  readonly problems: readonly string[];
  /** Source of live and of staging at the end. */
  readonly welcome: { readonly live: string; readonly staging: string };
  readonly releases: readonly { readonly version: string; readonly state: string }[];
}

/** Plays it from the beginning to the end, and clears away what it made. */
export async function tell(narrate: (line: Line) => void): Promise<Outcome> {
  const lines: Line[] = [];
  const say = (who: string, text: string) => {
    lines.push({ who, text });
    narrate({ who, text });
  };
  const root = mkdtempSync(join(tmpdir(), 'understudy-demo-'));
  const discord = await startSmallDiscord();
  const model = await startAnthropicServer({ replies: reply });
  let watchdog: ChildProcess | undefined;
  try {
    const ada = discord.person('Ada');
    makeProject(root, discord, model, ada);
    watchdog = startWatchdog(root, (text) => say('watchdog', text));
    const follower = follow(discord, model, ada, say);
    try {
      await play({ root, discord, ada, say });
    } finally {
      follower.stop();
    }
    return {
      ...{ root, lines },
      problems: [...discord.problems, ...model.requests.flatMap(({ problems }) => problems)],
      welcome: {
        live: readFileSync(join(root, 'src/welcome.ts'), 'utf8'),
        staging: readFileSync(join(root, 'staging/src/welcome.ts'), 'utf8'),
      },
      releases: releasesOf(root),
    };
  } finally {
    await end(watchdog);
    await Promise.all([discord.close(), model.close()]);
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Stage {
  readonly root: string;
  readonly discord: SmallDiscord;
  readonly ada: Person;
  readonly say: (who: string, text: string) => void;
}

async function play({ root, discord, ada, say }: Stage): Promise<void> {
  const { home } = discord;
  const texts = () => discord.messagesIn(home).map((message) => discord.textOf(message));
  const heard = (words: RegExp) =>
    waitFor(`somebody says ${words}`, () => texts().some((text) => words.test(text)));
  const wish = (text: string) => {
    say('Ada', text);
    ada.say(home.id, text);
  };
  await waitFor('the bot is on Discord', () => discord.world.commands.size > 0);
  say('story', 'The bot is live. A person asks for something new.');
  wish(wishes.cheerful);
  await confirm(discord, ada, say);
  await heard(/I am the new version/);
  say('story', 'The bot has rewritten itself. The next wish has a mistake in it that staging does not show.');
  wish(wishes.counting);
  await confirm(discord, ada, say);
  await heard(/It is repaired in staging/);
  await waitFor('all is settled', () =>
    releasesOf(root).every(({ state }) => ['good', 'reverted'].includes(state)),
  );
  say('story', 'The version that crashed was taken back by itself, and its reason is mended in staging.');
}

/** Presses the button of the newest question. */
async function confirm(discord: SmallDiscord, ada: Person, say: Stage['say']): Promise<void> {
  const isOpen = (message: Message) => JSON.stringify(latest(message).components).includes('"Confirm"');
  const question = await waitFor('a question with buttons', () =>
    discord.messagesIn(discord.home).find(isOpen),
  );
  say('Ada', '[Confirm]');
  ada.press(question, 'Confirm');
}

/** Says what the bot writes, once it is written to its end, and what its tools answer to the model. */
function follow(discord: SmallDiscord, model: AgentServer, ada: Person, say: Stage['say']): { stop(): void } {
  const shown = new Map<string, string>();
  const told = new Set<string>();
  const look = () => {
    for (const { messages } of model.requests) {
      const names = new Map(messages.flatMap(({ calls }) => calls.map(({ id, name }) => [id, name])));
      for (const { id, text } of messages.flatMap(({ results }) => results)) {
        if (!told.has(id))
          say('tool', `${names.get(id)}: ${text.split('\n').slice(0, 8).join('\n').slice(0, 600)}`);
        told.add(id);
      }
    }
    for (const message of discord.messagesIn(discord.home)) {
      if (message.authorId === ada.id) continue;
      const text = discord.textOf(message);
      const before = shown.get(message.id) ?? '';
      // What still grows is not told word by word.
      if (text === before || text === '' || text.includes('\n-# ▸') || text.startsWith('-# ▸')) continue;
      shown.set(message.id, text);
      say('bot', text.startsWith(before) ? text.slice(before.length).trim() : text);
    }
  };
  const timer = setInterval(look, 100);
  return {
    stop: () => {
      clearInterval(timer);
      look();
    },
  };
}

/** An instance of this project's code, with a staging that is equal to it. */
function makeProject(root: string, discord: SmallDiscord, model: AgentServer, ada: Person): void {
  for (const place of ['.', 'staging']) {
    mkdirSync(join(root, place, 'memory'), { recursive: true });
    for (const name of code) cpSync(join(codeRoot, name), join(root, place, name), { recursive: true });
    writeFileSync(join(root, place, 'config.json'), JSON.stringify(config));
  }
  writeFileSync(
    join(root, '.env'),
    [
      `DISCORD_TOKEN=${discord.token}`,
      `DISCORD_API=${discord.url}`,
      `DISCORD_OWNER_ID=${ada.id}`,
      `WAKE_CHANNEL_ID=${discord.home.id}`,
      'ANTHROPIC_API_KEY=sk-demo-no-such-key',
      `ANTHROPIC_BASE_URL=${model.url}`,
      '',
    ].join('\n'),
  );
  writeFileSync(join(root, 'staging/.env'), 'BOT_ROLE=staging\n');
  mkdirSync(join(root, 'node_modules'));
  for (const name of readdirSync(join(codeRoot, 'node_modules'))) {
    if (name !== '.cache')
      symlinkSync(join(codeRoot, 'node_modules', name), join(root, 'node_modules', name));
  }
}

function startWatchdog(root: string, said: (text: string) => void): ChildProcess {
  const steering =
    /^(UNDERSTUDY_|DISCORD_|ANTHROPIC_|OPENAI_|BOT_ROLE$|WAKE_CHANNEL_ID$|NODE_OPTIONS$|VITEST)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !steering.test(name)));
  const child = spawn(process.execPath, ['watchdog.js'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let rest = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const own = /^watchdog: (.*)$/.exec(line)?.[1] ?? /^(Understudy.* runs as .* bot)/.exec(line)?.[1];
        if (own !== undefined) said(own);
      }
    });
  }
  return child;
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

function releasesOf(root: string): { version: string; state: string }[] {
  try {
    return readdirSync(join(root, 'backups'))
      .filter((name) => name.startsWith('v'))
      .sort()
      .map((name) => JSON.parse(readFileSync(join(root, 'backups', name, 'release.json'), 'utf8')));
  } catch {
    return [];
  }
}

async function waitFor<T>(what: string, look: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + longestWaitMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`this did not happen in ${longestWaitMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
