// Finds the lines that match patterns: every line and pattern exactly once, in the order of the log. A whole block
// is searched first, and only a block with a hit is looked at line by line.

import { RE2JS, RE2Set } from 're2js';
import { type Line, type LineBlock, linesOf, textOf } from './line-reader.ts';
import type { Pattern } from './patterns.ts';

/** From here on one automaton for all patterns is faster than one pass for each. */
const MANY_PATTERNS = 6;
/**
 * Patterns in one automaton. A larger one is faster where nothing matches, but each line that half matches several
 * patterns is a new state of it: measured, 100 in one fell from 18 MB/s to 0.03, 30 never below 2.
 */
const GROUP_SIZE = 32;
/** What one automaton may remember before it starts afresh. */
const GROUP_MEMORY_BYTES = 2 * 1024 * 1024;

/** A line and the patterns that it matches, in the order in which they were given. */
export interface LineMatch<Id> {
  readonly line: Line;
  readonly ids: readonly Id[];
}

/** Gives the lines of a block that match at least one pattern. */
export interface Matcher<Id> {
  match(block: LineBlock): LineMatch<Id>[];
}

/** A matcher for these patterns; it remembers nothing from one block to the next. */
export function createMatcher<Id>(
  patterns: readonly { readonly id: Id; readonly pattern: Pattern }[],
): Matcher<Id> {
  const search = patterns.length < MANY_PATTERNS ? searchEach(patterns) : searchTogether(patterns);
  return {
    match(block) {
      const candidates = search(block);
      if (candidates === undefined) return [];
      const matches: LineMatch<Id>[] = [];
      for (const line of linesOf(block)) {
        const ids = candidates(line.text);
        if (ids.length > 0) matches.push({ line, ids });
      }
      return matches;
    },
  };
}

/** Says of a block that nothing in it can match, or gives the function that asks a single line. */
type Search<Id> = (block: LineBlock) => ((line: string) => Id[]) | undefined;

function searchEach<Id>(patterns: readonly { id: Id; pattern: Pattern }[]): Search<Id> {
  return (block) => {
    if (patterns.length === 0) return undefined;
    const text = textOf(block);
    const candidates = patterns.filter(
      ({ pattern }) => !pattern.searchesBlocks || (pattern.quickSearch ?? pattern.regex).test(text),
    );
    if (candidates.length === 0) return undefined;
    return (line) => candidates.filter(({ pattern }) => pattern.regex.test(line)).map(({ id }) => id);
  };
}

function searchTogether<Id>(patterns: readonly { id: Id; pattern: Pattern }[]): Search<Id> {
  const groups = Array.from({ length: Math.ceil(patterns.length / GROUP_SIZE) }, (_, index) =>
    createGroup(patterns.slice(index * GROUP_SIZE, (index + 1) * GROUP_SIZE)),
  );
  return (block) => {
    const text = textOf(block);
    const candidates = groups.filter(
      ({ searchesBlocks, idsIn }) => !searchesBlocks || idsIn(text).length > 0,
    );
    if (candidates.length === 0) return undefined;
    return (line) => candidates.flatMap(({ idsIn }) => idsIn(line));
  };
}

function createGroup<Id>(patterns: readonly { id: Id; pattern: Pattern }[]) {
  const set = new RE2Set(RE2Set.UNANCHORED, RE2JS.MULTILINE, GROUP_MEMORY_BYTES);
  for (const { pattern } of patterns) set.add(pattern.expression);
  set.compile();
  const idsIn = (text: string): Id[] => {
    const found = new Set(set.match(text));
    return found.size === 0 ? [] : patterns.filter((_, index) => found.has(index)).map(({ id }) => id);
  };
  return { searchesBlocks: patterns.every(({ pattern }) => pattern.searchesBlocks), idsIn };
}
