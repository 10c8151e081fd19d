// What every open page is shown all the time: bots, processes and the conversation. One look serves all pages, is taken
// only while there is one, and each page is sent only what has changed for it.

import { z } from 'zod';
import type { Dispatcher } from '../../skills/tool.ts';
import { describeFailure, isLasting } from './calls.ts';
import type { Message, PageChat } from './chat.ts';
import { pageOwner, type Timing } from './options.ts';
import type { EventStream } from './streams.ts';

const mostProcesses = 200;
const afterErrorMs = 10_000;

const rowSchema = z.looseObject({ name: z.string() });
const listSchema = z.object({
  bots: z.array(rowSchema).default([]),
  processes: z.array(rowSchema.extend({ id: z.string() })),
});

/** The look that all pages share. */
export interface Overview {
  /** Shows a page everything, then what changes, until it is gone. */
  show(stream: EventStream, hello: object): Promise<void>;
  stop(): void;
}

/** Begins to look with the first page. */
export function createOverview(dispatcher: Dispatcher, chat: PageChat, timing: Timing): Overview {
  const pages = new Set<EventStream>();
  let state: State = { rows: new Map(), problem: null, isKnown: false, isRefused: false };
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;
  const wakeAll = () => {
    for (const page of pages) page.wake();
  };
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    const before = state;
    const startedAt = performance.now();
    state = await lookAt(dispatcher, state);
    isLooking = false;
    if (differ(before, state)) wakeAll();
    // A machine with very many processes is not kept busy by being looked at.
    const pause = state.problem
      ? afterErrorMs
      : Math.max(timing.lookMs, (performance.now() - startedAt) * 10);
    if (pages.size > 0 && !state.isRefused) timer = setTimeout(() => void look(), pause);
  };
  return {
    async show(stream, hello) {
      const stopListening = chat.onChange(() => stream.wake());
      pages.add(stream);
      clearTimeout(timer);
      void look();
      try {
        await stream.send('hello', hello);
        await tellChanges(stream, () => state, chat, timing);
      } finally {
        pages.delete(stream);
        stopListening();
        if (pages.size === 0) clearTimeout(timer);
      }
    },
    stop: () => clearTimeout(timer),
  };
}

interface State {
  /** From `bot:NAME` or `process:ID` to the row, and as JSON to see changes. */
  readonly rows: ReadonlyMap<string, string>;
  readonly problem: ReturnType<typeof describeFailure> | null;
  readonly isKnown: boolean;
  /** It makes no sense to ask again. */
  readonly isRefused: boolean;
}

async function lookAt(dispatcher: Dispatcher, before: State): Promise<State> {
  try {
    const output = await dispatcher.call(pageOwner, 'list', { limit: mostProcesses }, { isRepeated: true });
    const { bots, processes } = listSchema.parse(output);
    const rows = new Map<string, string>();
    // `uptimeSeconds` follows from `lastStartAt`, and would be a change every second; so would a page of memory.
    for (const { uptimeSeconds, cpuPercent, ...bot } of bots) {
      const memory =
        typeof bot.memoryBytes === 'number' ? Math.round(bot.memoryBytes / 2 ** 20) * 2 ** 20 : null;
      rows.set(`bot:${bot.name}`, JSON.stringify({ ...bot, memoryBytes: memory }));
    }
    for (const process of processes) rows.set(`process:${process.id}`, JSON.stringify(process));
    return { rows, problem: null, isKnown: true, isRefused: false };
  } catch (error) {
    return { ...before, problem: describeFailure(error), isRefused: isLasting(error) };
  }
}

function differ(one: State, other: State): boolean {
  if (one.isKnown !== other.isKnown || one.problem?.code !== other.problem?.code) return true;
  return changesOf(one.rows, other.rows) !== undefined;
}

/** What a page that knows `before` has to be told. */
function changesOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  const changed = [...after].filter(([key, row]) => before.get(key) !== row);
  const gone = [...before.keys()].filter((key) => !after.has(key));
  if (changed.length === 0 && gone.length === 0) return undefined;
  return { changed: Object.fromEntries(changed.map(([key, row]) => [key, JSON.parse(row)])), gone };
}

/** Sends a page whatever it does not know yet, and rests while there is nothing. */
async function tellChanges(
  stream: EventStream,
  now: () => State,
  chat: PageChat,
  timing: Timing,
): Promise<void> {
  const known = createKnown(chat);
  while (!stream.gone.aborted) {
    const news = known.news(now());
    for (const [event, data] of news) await stream.send(event, data);
    // Never more often than this, however much happens.
    if (news.length > 0) await stream.pause(timing.lookMs);
    else if (await stream.rest(timing.beatMs)) await stream.send('beat', {});
  }
}

/** What one page knows already. */
function createKnown(chat: PageChat) {
  let rows: ReadonlyMap<string, string> | undefined;
  let problem = 'null';
  let asked = '';
  let messages = new Map<number, Message>();
  return {
    news(state: State): [string, unknown][] {
      const news: [string, unknown][] = [];
      const changes = changesOf(rows ?? new Map(), state.rows);
      if (state.isKnown && (changes || !rows)) {
        news.push(['rows', { ...(changes ?? { changed: {}, gone: [] }), isWhole: !rows }]);
        rows = state.rows;
      }
      if (JSON.stringify(state.problem) !== problem) news.push(['problem', state.problem]);
      problem = JSON.stringify(state.problem);
      // A message that changes is another object.
      const all = chat.messages();
      const fresh = all.filter((message) => messages.get(message.id) !== message);
      if (fresh.length > 0) news.push(['messages', fresh]);
      messages = new Map(all.map((message) => [message.id, message]));
      const questions = chat.asked();
      const ids = questions.map(({ id }) => id).join();
      if (ids !== asked) news.push(['questions', questions]);
      asked = ids;
      return news;
    },
  };
}
