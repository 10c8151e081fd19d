// Patterns that people and models write, made safe to run against any output: every accepted pattern is matched in
// time that grows with the text alone (RE2's automata), and every refused one says which construct it was and what
// to write instead.

import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js';
import { Failure } from '../../tool.ts';

const LONGEST_PATTERN = 1_000;
/** A state machine with more steps than this is linear still, but too slow for a busy log. */
const LARGEST_PROGRAM = 2_000;

/** Its time grows with the length of the words as well, so they are kept short. */
const LONGEST_QUICK_SEARCH = 100;

/** An accepted pattern. */
export interface Pattern {
  /** As it was written. */
  readonly source: string;
  /** What the engine was given: `/x/i` has become `(?i)x`. */
  readonly expression: string;
  readonly regex: RE2JS;
  /** True when a line can match only if the block that it stands in does. */
  readonly searchesBlocks: boolean;
  /** Finds a block with a match as surely as `regex` does, and ten times faster, where there is such a thing. */
  readonly quickSearch?: RegExp;
}

/** Compiles `source`, written plainly (`(?i)error`) or between slashes (`/error/i`); throws `pattern_refused`. */
export function compilePattern(source: string): Pattern {
  const expression = withoutSlashes(source);
  if (expression.replace(/^\(\?[ims]+\)/, '') === '') {
    throw refused('the pattern is empty', 'Write what to look for; to match every line, write `^`.');
  }
  if (source.length > LONGEST_PATTERN) {
    const hint = `Keep it under ${LONGEST_PATTERN} characters, or make several hooks of it.`;
    throw refused(`the pattern has ${source.length} characters`, hint);
  }
  const regex = compile(source, expression);
  if (regex.programSize() > LARGEST_PROGRAM) {
    const hint = 'Write smaller repeat counts: `+` or `*` instead of `{1,1000}`.';
    throw refused(`the repeat counts make it too large (${regex.programSize()} steps)`, hint);
  }
  // `\A` and `\z` mean a line's ends but would find only the block's; so would `^` and `$` with `m` switched off.
  const searchesBlocks = !/\\[Az]|\(\?[a-zA-Z]*-/.test(expression);
  const quickSearch = quickSearchFor(expression);
  return { source, expression, regex, searchesBlocks, ...(quickSearch && { quickSearch }) };
}

/**
 * The language's own engine goes back and tries again, so it is only given alternatives of plain words, where it never
 * has to. `u` makes it fold case as RE2 does.
 */
function quickSearchFor(expression: string): RegExp | undefined {
  const [, folded, words] =
    /^(\(\?i\))?([\w :=,;@!"'<>/-]+(?:\|[\w :=,;@!"'<>/-]+)*)$/.exec(expression) ?? [];
  if (words === undefined || words.length > LONGEST_QUICK_SEARCH) return undefined;
  return new RegExp(words, folded === undefined ? 'u' : 'iu');
}

/** What stands between the slashes, with the flags in RE2's form; a path such as `/usr/bin` is no such pattern. */
function withoutSlashes(source: string): string {
  const [, body, flags] = /^\/((?:[^/\\]|\\.)+)\/([gimsu]*)$/s.exec(source) ?? [];
  if (body === undefined || flags === undefined) return source;
  // `g` and `u` are how every line is searched anyway.
  const kept = [...new Set(flags)].filter((flag) => 'ims'.includes(flag)).join('');
  return kept === '' ? body : `(?${kept})${body}`;
}

function compile(source: string, expression: string): RE2JS {
  try {
    return RE2JS.compile(expression, RE2JS.MULTILINE);
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    const error = cause instanceof RE2JSSyntaxException ? cause.error : cause.message;
    // The parser names what it stopped at, or all of it, with the flag in front that every pattern here is given.
    const part = (cause instanceof RE2JSSyntaxException ? (cause.input ?? source) : source).replace(
      '(?m)',
      '',
    );
    const isUnbalanced = /missing|unexpected/.test(error);
    const known = isUnbalanced ? undefined : constructs.find(({ looksLike }) => looksLike.test(part));
    if (known !== undefined) throw refused(`\`${part}\` is ${known.name}`, known.hint, cause);
    const hint = 'Put a backslash before a character that is meant literally, as in `\\[` or `\\(`.';
    throw refused(`${error}: \`${part}\``, hint, cause);
  }
}

const atomic = 'Leave it out: matching is linear here, so nothing is gained by forbidding to go back.';
const characters =
  'Write the character itself, `\\x{263A}` for a code point, or a class such as `\\d`, `\\s`, `\\pL`.';

/** What the parser stops at, in the words of the person who wrote it. */
const constructs: readonly { looksLike: RegExp; name: string; hint: string }[] = [
  {
    looksLike: /^\\([1-9]|k)/,
    name: 'a back-reference',
    hint: 'Spell out what may be repeated, as in `(ab ab|cd cd)`.',
  },
  {
    looksLike: /^\(\?[=!]/,
    name: 'a look-ahead',
    hint: 'Match what follows as part of the pattern, or exclude characters with a class such as `[^x]`.',
  },
  {
    looksLike: /^\(\?<[=!]/,
    name: 'a look-behind',
    hint: 'Match what comes before as part of the pattern, or use `\\b` or `^`.',
  },
  { looksLike: /^\(\?>/, name: 'an atomic group', hint: atomic },
  { looksLike: /^[*+?}]\+$|^\{.*\}\+$/, name: 'a possessive quantifier', hint: atomic },
  {
    looksLike: /^([*+?]|\{\d*,?\d*\}){2,}$/,
    name: 'a repeated repetition',
    hint: 'Use one of them, or a group, as in `(a+)*`.',
  },
  {
    looksLike: /^\{\d*,?\d*\}$/,
    name: 'a repeat count that is too large',
    hint: 'At most 1,000 in all, nested counts multiplied; `+` and `*` have no limit.',
  },
  {
    looksLike: /^\(\?\(/,
    name: 'a conditional group',
    hint: 'Write the two cases as alternatives, as in `ab|cd`.',
  },
  { looksLike: /^\(\?#/, name: 'a comment', hint: 'Leave it out.' },
  {
    looksLike: /^\(\?/,
    name: 'a group that is not supported',
    hint: 'Supported are `(…)`, `(?:…)` and `(?i)`.',
  },
  { looksLike: /^\\./s, name: 'an unknown escape', hint: characters },
];

function refused(what: string, hint: string, cause?: unknown): Failure {
  return new Failure('pattern_refused', `The pattern cannot be used: ${what}.`, hint, { cause });
}
