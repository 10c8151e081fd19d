// `understudy start_all`: the bots in the foreground, for whoever has no live bot. It supervises like the live bot does,
// shows what the bots print, and on Ctrl-C stops them, so that the next start_all brings back those that ran. Where
// another supervisor is at work already, it only shows: what somebody else looks after is not its to stop.

import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type Actor, type Bot, type Caller, isFailure, type Logger } from '../../skills/tool.ts';
import type { Instance } from '../instance.ts';
import { ownVerb } from './own-verb.ts';
import { printable } from './render.ts';

const mostLogBytes = 512 * 1024;
const drainMs = 2_000;

type PrintedLine = Parameters<NonNullable<Bot['print']>>[0];

/** The verb. In a shell it does more than the tool of its name, which it calls. */
export const startAllVerb = ownVerb({
  name: 'start_all',
  title: 'Run all bots in the foreground',
  description:
    'Starts every bot that should be running (on the first run, all that start by themselves), shows their output, restarts those that crash, and supervises everything else on this instance until Ctrl-C. Then it stops the bots, and the next start_all starts them again. A second Ctrl-C does not wait for them. The live bot supervises too; only one at a time does.',
  examples: [{ command: 'start_all', explains: 'run all bots, and see what they print' }],
  input: z.strictObject({}),
  run: ({ open, actor }) => startAll(open, actor),
});

/** Runs the bots until the person ends it; returns the exit code. */
async function startAll(open: (logger: Logger) => Instance, actor: Actor): Promise<number> {
  const say = (fields: object, text: string) => console.say(`${text}${causeIn(fields)}`);
  const instance = open({ debug: () => {}, info: say, warn: say, error: say });
  const console = createConsole(resolve(instance.root, instance.config.globalSettings.log_directory));
  try {
    return await runAll(instance, console, actor);
  } finally {
    instance.close();
  }
}

/** The first line of an error that is told with a sentence. */
function causeIn(fields: object): string {
  const cause = 'error' in fields ? String(fields.error).split('\n', 1)[0] : '';
  return cause === '' ? '' : `: ${cause}`;
}

async function runAll(
  instance: Instance,
  console: ReturnType<typeof createConsole>,
  actor: Actor,
): Promise<number> {
  const interrupts = listenForInterrupts();
  // The tool's first word means that it was admitted: to a staging bot, or against the owner's policy, nothing begins.
  const caller: Caller = {
    signal: interrupts.first,
    progress: ({ message }) => {
      supervise();
      console.say(message);
    },
    notify: console.say,
  };
  let running: ReturnType<Instance['startSkills']> | undefined;
  const supervise = () => {
    if (running) return;
    running = instance.startSkills({ notify: ({ text }) => console.say(text), print: console.print });
    console.say(
      running.isInCharge
        ? `Supervising ${instance.root}. Ctrl-C stops the bots and ends this.`
        : `Another process supervises ${instance.root}; this one shows what the bots print. Ctrl-C ends only this.`,
    );
  };
  // Nothing else may hold the process open while it waits to be elected.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    const started = await instance.dispatcher.call(actor, startAllVerb.name, {}, caller).catch((error) => {
      // Whoever stops it at once does not want to know what has not come about.
      if (!interrupts.first.aborted || !isFailure(error)) throw error;
    });
    if (started && !interrupts.first.aborted) {
      console.say(summary(started.bots as readonly BotState[]));
      await interrupts.begun;
    }
  } finally {
    clearInterval(alive);
    await running?.stopAll((text) => console.say(text), interrupts.second);
    running?.stop();
  }
  console.say('Stopped.');
  // A reader that has stopped reading must not hold us for ever.
  setTimeout(() => process.exit(0), drainMs).unref();
  return 0;
}

type BotState = { readonly name: string; readonly state: string; readonly desired: string };

function summary(bots: readonly BotState[]): string {
  const wanted = bots.filter(({ desired }) => desired === 'running');
  const away = wanted.filter(({ state }) => state !== 'running' && state !== 'finished');
  if (wanted.length === 0) return 'No bot is to be run. Start one: understudy start NAME';
  if (away.length === 0) return `All bots are where they should be (${wanted.length}).`;
  const names = away.map(({ name, state }) => `${name} (${state})`).join(', ');
  return `${wanted.length - away.length} of ${wanted.length} bots are where they should be. Not so: ${names}`;
}

/** The first Ctrl-C asks for the end, the second one is in a hurry. */
function listenForInterrupts() {
  const [first, second] = [new AbortController(), new AbortController()];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => (first.signal.aborted ? second : first).abort());
  }
  return {
    first: first.signal,
    second: second.signal,
    begun: new Promise<void>((resolve) => first.signal.addEventListener('abort', () => resolve())),
  };
}

const colors = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, white: 37 } as const;
/** For bots that were given none. */
const palette = [36, 32, 33, 35, 34, 31] as const;

/** What people see: lines of bots with a prefix in their colour, and what the manager says, which is kept in a file too. */
function createConsole(logFolder: string) {
  const isColored = hasColors();
  const given = new Map<string, number>();
  const prefix = ({ source, color }: PrintedLine) => {
    if (!isColored) return `[${source}]`;
    const own = color === undefined ? undefined : colors[color as keyof typeof colors];
    const code = own ?? given.get(source) ?? palette[given.size % palette.length] ?? 37;
    if (own === undefined) given.set(source, code);
    return `\u001b[${code}m[${source}]\u001b[0m`;
  };
  let passedOver = 0;
  return {
    print: (line: PrintedLine) => {
      // Whoever reads slower than bots print is not to fill our memory; the log has it all.
      if (process.stdout.writableNeedDrain) {
        passedOver++;
        return;
      }
      if (passedOver > 0) process.stdout.write(`(${passedOver} lines were too fast to be shown)\n`);
      passedOver = 0;
      process.stdout.write(`${prefix(line)} ${printable(line.text)}\n`);
    },
    say: (text: string) => {
      process.stdout.write(`${printable(text)}\n`);
      keep(logFolder, text);
    },
  };
}

/** As other programs decide it: a terminal, unless NO_COLOR; anything, with FORCE_COLOR. */
function hasColors(): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0';
  return process.stdout.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '');
}

/** Appends to logs/bot_manager.log, of which one older part is kept. */
function keep(folder: string, text: string): void {
  const path = join(folder, 'bot_manager.log');
  try {
    mkdirSync(folder, { recursive: true });
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > mostLogBytes) renameSync(path, `${path}.1`);
    appendFileSync(path, `${new Date().toISOString()} ${text}\n`);
  } catch {
    // A full disk must not end the bots; the terminal has it.
  }
}
