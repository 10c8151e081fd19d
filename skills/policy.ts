// What the owner's policy says of one call. Pure: tool, subject and rules in, a decision out.
//
// A rule is a tool (`promote`) or a tool and a pattern for its subject (`run:npm *`). Patterns are asked before
// the bare tool, and among patterns deny wins over ask, and ask over allow. An allowing pattern never stretches
// over shell operators: `run:npm *` does not allow `npm test; rm -rf ~`. A denying one does, and is also held
// against each part of a compound command, with tabs and runs of spaces read as one space.

import type { Decision } from './tool.ts';

/** The `policy` of config.json. */
export type PolicyRules = Readonly<Record<string, Decision>>;

const shellOperators = /[;&|<>`$()\n\r\\]/;

/** Decides one call by the owner's rules, or by the tool's own default where no rule speaks of it. */
export function decide(
  rules: PolicyRules,
  names: readonly string[],
  subject: string,
  otherwise: Decision,
): Decision {
  const matching = new Set<Decision>();
  for (const [rule, decision] of Object.entries(rules)) {
    const colon = rule.indexOf(':');
    if (colon < 0 || !names.includes(rule.slice(0, colon))) continue;
    if (speaksOf(rule.slice(colon + 1), subject, decision)) matching.add(decision);
  }
  for (const decision of ['deny', 'ask', 'allow'] as const) {
    if (matching.has(decision)) return decision;
  }
  for (const decision of ['deny', 'ask', 'allow'] as const) {
    if (names.some((name) => Object.hasOwn(rules, name) && rules[name] === decision)) return decision;
  }
  return otherwise;
}

/** The tools that rules name and the catalogue does not have: a mistyped `deny` would protect nothing. */
export function unknownTools(rules: PolicyRules, names: ReadonlySet<string>): string[] {
  return Object.keys(rules).filter((rule) => !names.has(rule.split(':', 1)[0] ?? rule));
}

function speaksOf(pattern: string, subject: string, decision: Decision): boolean {
  const whole = subject.trim();
  if (decision === 'allow') {
    return matchesWildcard(pattern, whole) && (!shellOperators.test(whole) || pattern === whole);
  }
  const parts = whole.split(/[;&|\n\r()`]+/).map((part) => part.trim());
  return [whole, ...parts.filter((part) => part !== '')].some(
    (text) => matchesWildcard(pattern, text) || matchesWildcard(pattern, text.replace(/\s+/g, ' ')),
  );
}

/** `*` stands for any run of characters. Two indexes and no backtracking beyond the last star: linear in practice. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let patternIndex = 0;
  let textIndex = 0;
  let star = -1;
  let resume = 0;
  while (textIndex < text.length) {
    if (pattern[patternIndex] === '*') {
      star = patternIndex++;
      resume = textIndex;
    } else if (patternIndex < pattern.length && pattern[patternIndex] === text[textIndex]) {
      patternIndex++;
      textIndex++;
    } else if (star >= 0) {
      patternIndex = star + 1;
      textIndex = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[patternIndex] === '*') patternIndex++;
  return patternIndex === pattern.length;
}
