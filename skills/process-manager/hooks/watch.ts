// Matches the output of processes against the patterns of their hooks: every complete line and pattern exactly once.
// The place up to which a log was read is stored together with the fires that were found on the way there, so a
// supervisor that dies goes on at that very byte, and so does the next one. What is kept in memory can be made again
// from the tables at any time, and is, whenever a write fails.

import type { Clock } from '../../tool.ts';
import {
  compilePattern,
  createFollower,
  createMatcher,
  type Follower,
  type LineBlock,
  type LineMatch,
  type Matcher,
  type NewLines,
} from '../output/index.ts';
import { isFinished, type ProcessRow } from '../processes/index.ts';
import type { Hook, Stream } from './hook.ts';
import type { HookStore } from './store.ts';

/** How much is read before others get their turn. */
const chunkBytes = 1024 * 1024;

/** What a look at the logs found. */
export type Found = 'nothing' | 'all' | 'more';

/** Reads logs for hooks. */
export interface Watch {
  /**
   * Reads one chunk of what is new in a process's logs, and says whether there was something, and more. Of a
   * process that has ended, the last line counts even without its newline, and its hooks are finished at the end.
   */
  scan(row: ProcessRow, hooks: readonly Hook[]): Found;
  /** Up to which byte a log was read: nothing behind it may be trimmed away. */
  position(processId: string, stream: Stream): number;
  forget(processId: string): void;
}

/** What is remembered of one process between two looks. */
interface Reading {
  readonly streams: readonly { readonly stream: Stream; readonly follower: Follower }[];
  /** The matcher, and the hooks that it was made for. */
  matcher: { readonly key: string; readonly matcher: Matcher<Hook> } | undefined;
}

/** What the watch works with. */
interface WatchSurroundings {
  readonly store: HookStore;
  readonly clock: Clock;
  /** Output was trimmed away before it could be matched. */
  onMissed(row: ProcessRow, stream: Stream, bytes: number): void;
}

/** Makes the watch of one supervisor. */
export function createWatch(surroundings: WatchSurroundings): Watch {
  const { store } = surroundings;
  const readings = new Map<string, Reading>();
  const readingOf = (row: ProcessRow): Reading => {
    const known = readings.get(row.id);
    if (known) return known;
    const streams = logsOf(row).map(([stream, path]) => ({
      stream,
      follower: createFollower(path, store.cursor(row.id, stream)),
    }));
    const made: Reading = { streams, matcher: undefined };
    readings.set(row.id, made);
    return made;
  };
  return {
    scan(row, hooks) {
      try {
        return scanOnce(surroundings, readingOf(row), row, hooks);
      } catch (error) {
        // The followers have read on, and the tables have not: begin again where those are.
        readings.delete(row.id);
        throw error;
      }
    },
    position: (processId, stream) =>
      readings.get(processId)?.streams.find((each) => each.stream === stream)?.follower.position ??
      store.cursor(processId, stream),
    forget: (processId) => void readings.delete(processId),
  };
}

function scanOnce(
  surroundings: WatchSurroundings,
  reading: Reading,
  row: ProcessRow,
  hooks: readonly Hook[],
): Found {
  const { store, clock } = surroundings;
  const newcomers = hooks.filter(({ caughtUp }) => !caughtUp);
  if (newcomers.length > 0) catchUp(store, clock, row, newcomers);
  const matcher = matcherOf(reading, hooks);
  let advanced = false;
  let more = false;
  for (const { stream, follower } of reading.streams) {
    const position = follower.position;
    const before = follower.offset;
    const lines = readOn(follower, row);
    if (lines.missedBytes > 0) surroundings.onMissed(row, stream, lines.missedBytes);
    more ||= lines.more;
    advanced ||= follower.position !== position || lines.offset !== before;
    if (lines.offset === before) continue;
    const found = matchAll(matcher, lines.blocks);
    store.together(() => {
      record(store, clock, found, stream);
      store.moveCursor(row.id, stream, before, lines.offset);
    });
  }
  if (more) return 'more';
  if (advanced) return 'all';
  if (isFinished(row.status)) for (const { id } of hooks) store.finish(id);
  return 'nothing';
}

/**
 * The next lines, up to where a later run in the same log begins; when nobody writes any more and all is read, the
 * unfinished last one too.
 */
function readOn(follower: Follower, row: ProcessRow): NewLines {
  const until = row.logUntil ?? Number.POSITIVE_INFINITY;
  const maxBytes = Math.min(chunkBytes, until - follower.position);
  const lines = follower.read({ maxBytes: Math.max(0, maxBytes) });
  // Trimming may have taken all of it away, and then what was read is another run's.
  const own = follower.position > until ? { ...lines, blocks: [] } : lines;
  const more = lines.more && follower.position < until;
  if (!isFinished(row.status) || more) return { ...own, more };
  const rest = follower.flush();
  return { ...rest, blocks: [...own.blocks, ...rest.blocks], missedBytes: own.missedBytes };
}

/** A hook that was made later is shown what was printed before: whether it fires does not depend on who was faster. */
function catchUp(store: HookStore, clock: Clock, row: ProcessRow, hooks: readonly Hook[]): void {
  const matcher = makeMatcher(hooks);
  const found = logsOf(row).map(([stream, path]) => {
    const until = store.cursor(row.id, stream);
    const follower = createFollower(path, row.logFrom);
    const matches: LineMatch<Hook>[] = [];
    while (follower.offset < until) {
      const before = follower.position;
      const { blocks } = follower.read({ maxBytes: Math.min(chunkBytes, until - before) });
      if (follower.position === before) break;
      matches.push(...matchAll(matcher, blocks).filter(({ line }) => line.end <= until));
    }
    return [stream, matches] as const;
  });
  store.together(() => {
    for (const [stream, matches] of found) record(store, clock, matches, stream);
    for (const { id } of hooks) store.markCaughtUp(id);
  });
}

function matcherOf(reading: Reading, hooks: readonly Hook[]): Matcher<Hook> {
  const key = hooks.map(({ id }) => id).join(' ');
  if (reading.matcher?.key !== key) reading.matcher = { key, matcher: makeMatcher(hooks) };
  return reading.matcher.matcher;
}

function makeMatcher(hooks: readonly Hook[]): Matcher<Hook> {
  return createMatcher(
    hooks.flatMap((hook) =>
      hook.trigger.type === 'on_output_match'
        ? [{ id: hook, pattern: compilePattern(hook.trigger.pattern) }]
        : [],
    ),
  );
}

function matchAll(matcher: Matcher<Hook>, blocks: readonly LineBlock[]): LineMatch<Hook>[] {
  return blocks.flatMap((block) => matcher.match(block));
}

function record(store: HookStore, clock: Clock, matches: readonly LineMatch<Hook>[], stream: Stream): void {
  const byHook = new Map<Hook, { text: string; stream: Stream; offset: number }[]>();
  for (const { line, ids } of matches) {
    for (const hook of ids) {
      const lines = byHook.get(hook) ?? [];
      byHook.set(hook, lines);
      lines.push({ text: line.text, stream, offset: line.start });
    }
  }
  for (const [hook, lines] of byHook) store.fireForLines(hook, clock.now(), lines);
}

function logsOf(row: ProcessRow): (readonly [Stream, string])[] {
  if (row.stdoutLog === row.stderrLog) return [['stdout', row.stdoutLog]];
  return [
    ['stdout', row.stdoutLog],
    ['stderr', row.stderrLog],
  ];
}
