// What a bot that has just started tells: which release is live or was taken back, why it was restarted. It reads what
// the watchdog and the skill left in the root, and remembers in memory/wake-up.json what it has told, so that a bot
// that crashes and starts again and again tells each event once.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Logger } from '../skills/tool.ts';

const lookEveryMs = 2_000;
const mostRemembered = 100;
const linesForPeople = 10;

const optionalText = z.string().nullish();
const contextSchema = z.object({
  action: z.enum(['restart', 'promote', 'rollback']),
  version: optionalText,
  reason: optionalText,
  requestedBy: optionalText,
  channel: optionalText,
  at: optionalText,
});
const revertedSchema = z.object({
  release: z.string(),
  version: z.string(),
  reason: z.string(),
  at: z.string(),
  lines: z.array(z.string()).default([]),
  state: z.string(),
});
const releaseSchema = z.object({
  version: z.string(),
  state: z.string(),
  stateAt: z.string(),
  stagedBy: optionalText,
  channel: optionalText,
});
const memorySchema = z.object({ told: z.array(z.string()), context: contextSchema.optional() });

type Memory = z.infer<typeof memorySchema>;
type Release = z.infer<typeof releaseSchema> & { readonly name: string };

/** One thing that happened. */
export interface Event {
  readonly id: string;
  /** For people: short. */
  readonly text: string;
  /** For the agent: with what it needs to go on. */
  readonly forAgent: string;
  /** What the agent may be waiting for: `release:NAME`, `rollback` or `restart`. */
  readonly subject: string;
  /** The channel that asked. */
  readonly channel?: string;
  /** Another release has come since: people need not be told, but the agent may still wait for it. */
  readonly isOld?: boolean;
}

export interface WakeUpOptions {
  readonly root: string;
  readonly logger: Logger;
  /** Takes one event to people. When it throws, the event is told later. */
  tell(event: Event): void;
  /** The subjects that somebody waits for. */
  awaited?(): readonly string[];
}

/** Tells what happened, and goes on looking: a release that is on trial now gets its verdict while the bot runs. */
export function startWakeUp(options: WakeUpOptions): { stop(): void } {
  const look = () => {
    try {
      tellNews(options);
    } catch (error) {
      options.logger.warn({ error: String(error) }, 'what happened could not be told yet');
    }
  };
  look();
  const timer = setInterval(look, lookEveryMs);
  return { stop: () => clearInterval(timer) };
}

function tellNews({ root, tell, awaited }: WakeUpOptions): void {
  const before = readMemory(root);
  let memory = takeContext(root, before);
  for (const event of findEvents(root, memory, awaited?.() ?? [])) {
    if (!memory.told.includes(event.id)) {
      tell(event);
      memory = { ...memory, told: [...memory.told, event.id].slice(-mostRemembered) };
      // At once: whatever comes next may crash this bot.
      writeMemory(root, memory);
    }
  }
  if (memory.context && memory.told.includes(contextId(memory.context)))
    writeMemory(root, { told: memory.told });
}

/** Everything that could be told now, told or not, oldest first. */
function findEvents(root: string, { context }: Memory, awaited: readonly string[]): Event[] {
  const releases = readReleases(root);
  const current = releases.filter(({ state }) => state === 'good').at(-1);
  const isOpen = releases.some(({ state }) => ['switching', 'trial', 'reverting'].includes(state));
  const reverted = readJson(join(root, '.deploy-reverted'), revertedSchema);
  const live = current?.version ?? 'v1.0';
  const events: Event[] = [];
  if (reverted && !isOpen) events.push(revertedEvent(reverted, releases, live));
  if (current) events.push(goodEvent(current));
  // A promotion is told by its verdict.
  if (context && context.action !== 'promote') events.push(contextEvent(context, live));
  // Another one may have come before anybody looked, or a person took it back: whoever waits must not wait for ever.
  const old = releases.filter(
    ({ name, state }) =>
      ['good', 'reverted', 'failed'].includes(state) && awaited.includes(`release:${name}`),
  );
  const told = new Set(events.map(({ subject }) => subject));
  return isOpen ? events : [...events, ...old.map(oldEvent).filter(({ subject }) => !told.has(subject))];
}

function goodEvent({ name, version, stagedBy, channel }: Release): Event {
  const text = `${version} is live.`;
  return {
    id: `good:${name}`,
    text,
    subject: `release:${name}`,
    forAgent: `${text} It was promoted${stagedBy ? ` by ${stagedBy}` : ''}, has passed its trial, and is the code that runs now.`,
    ...(channel ? { channel } : {}),
  };
}

/** What became of a release while nobody looked, or before another one came. */
function oldEvent({ name, version, state }: Release): Event {
  const text = state === 'good' ? `${version} was live.` : `${version} was taken back.`;
  const forAgent = `${text} What runs now, and why, process_releases shows.`;
  return { id: `old:${state}:${name}`, text, subject: `release:${name}`, forAgent, isOld: true };
}

function revertedEvent(
  reverted: z.infer<typeof revertedSchema>,
  releases: readonly Release[],
  live: string,
): Event {
  const { release, version, reason, lines, state, at } = reverted;
  const channel = releases.find(({ name }) => name === release)?.channel;
  const outcome =
    state === 'watchdog-refused'
      ? reason
      : state === 'inconsistent'
        ? `${version} failed and could not be taken back yet: ${reason}.`
        : `${version} failed and ${live} is back: ${reason}.`;
  const last = (count: number, mark = '') =>
    lines.length === 0
      ? ''
      : `\nIts last lines:\n${lines
          .slice(-count)
          .map((line) => `${mark}${line}`)
          .join('\n')}`;
  return {
    id: `reverted:${release}:${at}`,
    text: `${outcome}${last(linesForPeople)}`,
    subject: `release:${release}`,
    forAgent: `${outcome}${last(lines.length, '> ')}\nMore of its log: backups/${release}/live.log. Its code: backups/${release}/next/.`,
    ...(channel ? { channel } : {}),
  };
}

function contextEvent(context: z.infer<typeof contextSchema>, live: string): Event {
  const { action, reason, requestedBy, channel } = context;
  const because = reason ? ` because ${reason}` : '';
  const by = requestedBy ? ` (asked for by ${requestedBy})` : '';
  const text =
    action === 'restart'
      ? `${live} was restarted${because}${by}.`
      : `It was rolled back${because}${by}; ${live} is live.`;
  return { id: contextId(context), subject: action, text, forAgent: text, ...(channel ? { channel } : {}) };
}

function contextId({ action, at, reason }: z.infer<typeof contextSchema>): string {
  return `${action}:${at ?? reason ?? ''}`;
}

/** `.upgrade-context` is there once: it is remembered before it is deleted, so that no crash loses it. */
function takeContext(root: string, memory: Memory): Memory {
  const path = join(root, '.upgrade-context');
  const context = readJson(path, contextSchema);
  if (context && !isForThisStart(root, context)) return memory;
  if (context) writeMemory(root, { ...memory, context });
  rmSync(path, { force: true });
  return context ? { ...memory, context } : memory;
}

/** The old process must not tell what has not happened yet, nor the new one what still waits. */
function isForThisStart(root: string, { action, at }: z.infer<typeof contextSchema>): boolean {
  if (Date.parse(at ?? '') > performance.timeOrigin) return false;
  const waits = ['.deploy-ready', '.deploy-in-progress'].some((name) => existsSync(join(root, name)));
  return action === 'restart' || !waits;
}

/** Oldest verdict first. */
function readReleases(root: string): Release[] {
  const folder = join(root, 'backups');
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    // Nothing was ever promoted.
  }
  return names
    .flatMap((name) => {
      const release = readJson(join(folder, name, 'release.json'), releaseSchema);
      return release ? [{ ...release, name }] : [];
    })
    .sort((one, other) => (one.stateAt < other.stateAt ? -1 : 1));
}

function readMemory(root: string): Memory {
  return readJson(memoryPath(root), memorySchema) ?? { told: [] };
}

function writeMemory(root: string, memory: Memory): void {
  const path = memoryPath(root);
  mkdirSync(join(root, 'memory'), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(memory)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
}

function memoryPath(root: string): string {
  return join(root, 'memory', 'wake-up.json');
}

/** A file that others write, and that may be missing or anything. */
function readJson<Schema extends z.ZodType>(path: string, schema: Schema): z.infer<Schema> | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
