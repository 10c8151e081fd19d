// The live log of one bot or process. It is read through the tool `logs`, so rights, policy and masking are the same as
// everywhere; each look begins well before the first new line, so that a secret of many lines is seen as a whole.

import { z } from 'zod';
import type { Dispatcher } from '../../skills/tool.ts';
import { describeFailure } from './calls.ts';
import { pageOwner, type Timing } from './options.ts';
import type { EventStream } from './streams.ts';

const kinds = ['stdout', 'stderr'] as const;
/** What is shown at the beginning. */
const firstLines = 400;
/** Enough for the longest private key. */
const context = 120;
const fewLines = 400;
const mostLines = 3_000;
const longestLine = 4_000;
const mostCharacters = 1_000_000;

const logsSchema = z.object({ lines: z.array(z.string()), places: z.array(z.number()) });

/** A line of a log; one with the place of an earlier one takes its place, since that had not ended yet. */
interface LogLine {
  readonly stream: (typeof kinds)[number];
  /** Where it begins in its log. */
  readonly at: number;
  readonly text: string;
}

/** What was new: `gap` when lines came faster than they are shown, `reset` when the log was emptied. */
interface LogNews {
  readonly lines: readonly LogLine[];
  readonly gap: boolean;
  readonly reset: boolean;
}

/** Shows a page the end of a log, then what is added, until it is gone. */
export async function showLog(
  dispatcher: Dispatcher,
  stream: EventStream,
  process: string,
  timing: Timing,
): Promise<void> {
  const readers = kinds.map((kind) => createReader(dispatcher, process, kind));
  for (let isFirst = true; !stream.gone.aborted; isFirst = false) {
    try {
      const news = await Promise.all(readers.map((read) => read()));
      const lines = news.flatMap((each) => each.lines);
      const [gap, reset] = [news.some((each) => each.gap), news.some((each) => each.reset)];
      if (isFirst || lines.length > 0 || reset) await stream.send('lines', { lines, gap, reset });
    } catch (error) {
      return stream.send('log-problem', describeFailure(error));
    }
    await stream.pause(timing.lookMs);
  }
}

/** Reads what one stream has gained at each call. */
function createReader(dispatcher: Dispatcher, process: string, kind: LogLine['stream']) {
  /** The last line that was sent. */
  let last: LogLine | undefined;
  const look = async (count: number) => {
    const input = { process, lines: count, stream: kind, places: true };
    const found = logsSchema.parse(await dispatcher.call(pageOwner, 'logs', input, { isRepeated: true }));
    return found.lines.map((text, index): LogLine => {
      return { stream: kind, at: found.places[index] ?? 0, text: shorten(text) };
    });
  };
  const isNew = (line: LogLine) =>
    last === undefined || line.at > last.at || (line.at === last.at && line.text !== last.text);
  return async (): Promise<LogNews> => {
    // Nothing new is the usual answer, and costs as little as possible.
    const newest = (await look(1)).at(-1);
    const reset = last !== undefined && (newest === undefined || newest.at < last.at);
    if (reset) last = undefined;
    if (newest === undefined || !isNew(newest)) return { lines: [], gap: false, reset };
    const isFirst = last === undefined;
    let lines = await look(isFirst ? firstLines + context : fewLines);
    let count = fewLines;
    const reaches = () => lines.length < count || (lines[context]?.at ?? 0) <= (last?.at ?? 0);
    if (!isFirst && !reaches()) {
      count = mostLines;
      lines = await look(count);
    }
    const gap = !isFirst && lines.length === count && (lines[0]?.at ?? 0) > (last?.at ?? 0);
    const isWhole = isFirst && lines.length < firstLines + context;
    const all = (isFirst && !isWhole) || gap ? lines.slice(context) : lines.filter(isNew);
    const fresh = bounded(all);
    last = fresh.at(-1) ?? last;
    return { lines: fresh, gap: gap || (!isFirst && fresh.length < all.length), reset };
  };
}

function shorten(text: string): string {
  return text.length <= longestLine
    ? text
    : `${text.slice(0, longestLine)} [… ${text.length - longestLine} more]`;
}

/** The newest lines that fit into one event. */
function bounded(lines: readonly LogLine[]): LogLine[] {
  let room = mostCharacters;
  let from = lines.length;
  while (from > 0 && room > 0) room -= lines[--from]?.text.length ?? 0;
  return lines.slice(from);
}
