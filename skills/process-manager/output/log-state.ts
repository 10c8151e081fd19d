// How the bytes of a log file map to offsets that never change. An offset is LOGICAL: it counts every byte that was
// ever written to the log, also those that trimming has removed since. What trimming has removed, and what it is
// about to do, stands in `<log>.trimmed`; this file owns its shape.
//
// At every instant, also after a trimmer was killed in the middle, exactly one mapping is true, and `resolveLog` finds
// it without changing anything. It has to see whether the one step that cannot be recorded (the collapse, the
// truncation) has happened. For that the trimmer first writes a random mark into bytes that this very step removes:
// the mark is there, so the step has not happened.

import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { z } from 'zod';

/** The kernel, which can move a file's beginning, or a copy while the writers stand still. */
export type TrimMethod = 'collapse' | 'copy';

/** Length of the random mark. */
export const MARK_BYTES = 16;

const offset = z.number().int().nonnegative();
const intent = { cut: offset, startsWhole: z.boolean(), mark: z.string().length(2 * MARK_BYTES) };

const pendingSchema = z.discriminatedUnion('method', [
  z.object({
    method: z.literal('collapse'),
    /** `marking`: nothing is collapsed yet, and `head` holds what the mark replaces. `collapsing`: ask the mark. */
    phase: z.enum(['marking', 'collapsing']),
    ...intent,
    head: z.string(),
  }),
  z.object({
    method: z.literal('copy'),
    /**
     * `pausing` and `resuming`: the file is in order, the writers may stand still. `copying`: the kept half stands in
     * `<log>.tail`, the log's front is being overwritten. `truncating`: ask the mark, which stands behind that front.
     */
    phase: z.enum(['pausing', 'copying', 'truncating', 'resuming']),
    ...intent,
    /** Size of the log that the intent is about; whatever stands behind it came later. */
    size: offset,
  }),
]);

const sidecarSchema = z.object({
  /** The very file that this is about; a log that was deleted and begun again has no history. */
  file: z.string(),
  /** Bytes removed so far. */
  removed: offset,
  /** False when the first byte of the file is in the middle of a line. */
  startsWhole: z.boolean(),
  pending: pendingSchema.optional(),
});

export type Pending = z.infer<typeof pendingSchema>;
export type Sidecar = z.infer<typeof sidecarSchema>;

/** Logical bytes from `start` on are the bytes of `fd` from `physical` on. */
interface Segment {
  readonly fd: number;
  readonly physical: number;
  readonly start: number;
  readonly length: number;
}

/** A log as it is at one instant. */
export interface ResolvedLog {
  /** Offset of the oldest byte that can still be read. */
  readonly start: number;
  /** Offset behind the newest byte. */
  readonly end: number;
  /** False when `start` is in the middle of a line, whose rest must not be shown. */
  readonly startsWhole: boolean;
  readonly segments: readonly Segment[];
  /** Two that are equal mean that no trim came between them. */
  readonly fingerprint: string;
  close(): void;
}

/** The name of the file beside `log` that holds its trimming history. */
export function sidecarPath(log: string): string {
  return `${log}.trimmed`;
}

/** Where the kept half waits while the log is overwritten. */
export function tailPath(log: string): string {
  return `${log}.tail`;
}

/** Opens the log and finds the mapping that is true now; undefined when there is no log. The caller closes it. */
export function resolveLog(path: string): ResolvedLog | undefined {
  const fd = openIfPresent(path);
  if (fd === undefined) return undefined;
  const opened = [fd];
  const close = () => {
    for (const each of opened.splice(0)) closeSync(each);
  };
  try {
    const { text, sidecar } = readSidecar(path, fd);
    const { size } = fstatSync(fd);
    const { removed, startsWhole, pending } = sidecar;
    const happened = pending !== undefined && hasHappened(fd, pending);
    const fingerprint = `${text}${happened}`;
    const from = (physical: number, start: number): Segment => {
      return { fd, physical, start, length: Math.max(0, size - physical) };
    };
    const whole = (start: number, isWhole: boolean): ResolvedLog => {
      return {
        start,
        end: start + size,
        startsWhole: isWhole,
        segments: [from(0, start)],
        fingerprint,
        close,
      };
    };
    if (pending === undefined || isSettled(pending)) return whole(removed, startsWhole);
    const start = removed + pending.cut;
    if (happened) return whole(start, pending.startsWhole);
    const end = removed + size;
    if (pending.method === 'collapse') {
      // The front bears the mark and is given up already.
      return {
        start,
        end,
        startsWhole: pending.startsWhole,
        segments: [from(pending.cut, start)],
        fingerprint,
        close,
      };
    }
    const tail = openSync(tailPath(path), 'r');
    opened.push(tail);
    const kept: Segment = { fd: tail, physical: 0, start, length: pending.size - pending.cut };
    const later = from(pending.size, removed + pending.size);
    return { start, end, startsWhole: pending.startsWhole, segments: [kept, later], fingerprint, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** What the sidecar says of the open log; no history when it says nothing, or speaks of another file. */
export function readSidecar(path: string, fd: number): { text: string; sidecar: Sidecar } {
  const file = fileIdentity(fd);
  const fresh = { text: file, sidecar: { file, removed: 0, startsWhole: true } };
  try {
    const text = readFileSync(sidecarPath(path), 'utf8');
    const sidecar = sidecarSchema.parse(JSON.parse(text));
    return sidecar.file === file ? { text, sidecar } : fresh;
  } catch (error) {
    // It is only ever replaced whole, so one that cannot be understood was not written here. Guessing at what it
    // meant could misplace every line; a log without history is at least consistent in itself.
    if (isMissing(error) || error instanceof SyntaxError || error instanceof z.ZodError) return fresh;
    throw error;
  }
}

/** True when the step that the intent announces has been taken. */
export function hasHappened(fd: number, pending: Pending): boolean {
  if (pending.method === 'collapse') return pending.phase === 'collapsing' && !hasMark(fd, 0, pending.mark);
  return pending.phase === 'truncating' && !hasMark(fd, pending.size - pending.cut, pending.mark);
}

function isSettled(pending: Pending): boolean {
  return pending.method === 'copy' && (pending.phase === 'pausing' || pending.phase === 'resuming');
}

function hasMark(fd: number, position: number, mark: string): boolean {
  const bytes = Buffer.alloc(MARK_BYTES);
  return readSync(fd, bytes, 0, MARK_BYTES, position) === MARK_BYTES && bytes.toString('hex') === mark;
}

/** Inode numbers are used again, so the moment of creation belongs to a file's identity. */
function fileIdentity(fd: number): string {
  const { ino, birthtimeNs } = fstatSync(fd, { bigint: true });
  return `${ino}:${birthtimeNs}`;
}

/** Opens a file for reading; undefined when there is none. */
function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** True for the error of a file that is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
