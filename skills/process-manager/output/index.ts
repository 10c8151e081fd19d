// The door to a process's output: reading it by line, matching it, following it, and keeping its files small.

export { createFollower, type Follower, type NewLines } from './follow.ts';
export { createTail, lastLines } from './last-lines.ts';
export { lastText } from './last-text.ts';
export {
  createBlockReader,
  createLineReader,
  type Line,
  type LineBlock,
  LONGEST_LINE_BYTES,
  linesOf,
} from './line-reader.ts';
export { readLogState } from './log.ts';
export { createMask } from './mask.ts';
export { createMatcher, type LineMatch, type Matcher } from './matcher.ts';
export { oneLine, quoted } from './one-line.ts';
export { compilePattern } from './patterns.ts';
export { trimLog } from './trim.ts';
