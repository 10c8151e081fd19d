import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, matchesWildcard, type PolicyRules, unknownTools } from '../../skills/policy.ts';
import type { Decision } from '../../skills/tool.ts';

const decideRun = (rules: PolicyRules, command: string, otherwise: Decision = 'ask') =>
  decide(rules, ['run'], command, otherwise);

describe('an allowing pattern', () => {
  const evasions = [
    'npm test; rm -rf ~',
    'npm test && x',
    'npm test || x',
    'npm test & x',
    'npm test | sh',
    'npm test > /etc/passwd',
    'npm test < secret',
    'npm test $(rm -rf ~)',
    'npm test `rm -rf ~`',
    'npm test $HOME',
    'npm test <(x)',
    'npm test\nrm -rf ~',
    'npm test\rrm -rf ~',
    'npm test \\\nx',
    'npm (x)',
    'npm {a;b}',
  ];

  it.each(evasions)('does not stretch over shell operators: %j', (command) => {
    expect(decideRun({ 'run:npm *': 'allow' }, command)).toBe('ask');
    expect(decideRun({ 'run:*': 'allow' }, command)).toBe('ask');
  });

  it.each(['npmx test', 'npm', 'xnpm test', 'echo npm test', 'NPM test', ''])(
    'does not cover %j',
    (command) => {
      expect(decideRun({ 'run:npm *': 'allow' }, command)).toBe('ask');
    },
  );

  it('covers what it says, blanks around it aside', () => {
    expect(decideRun({ 'run:npm *': 'allow' }, 'npm test')).toBe('allow');
    expect(decideRun({ 'run:npm *': 'allow' }, '  npm run build -- --watch \n')).toBe('allow');
  });

  it('covers a compound command that the owner wrote out in full, and no other one', () => {
    const rules = { 'run:npm ci && npm test': 'allow' } as const;
    expect(decideRun(rules, 'npm ci && npm test')).toBe('allow');
    expect(decideRun(rules, 'npm ci && npm test2')).toBe('ask');
    expect(decideRun({ 'run:npm ci && npm *': 'allow' }, 'npm ci && npm test')).toBe('ask');
  });
});

describe('a denying pattern', () => {
  const compounds = [
    'rm -rf /',
    'ls; rm -rf /',
    'ls && rm -rf /',
    'ls || rm -rf /',
    'ls & rm -rf /',
    'ls | rm -rf /',
    'ls\nrm -rf /',
    'ls\r\nrm -rf /',
    '(rm -rf /)',
    'echo $(rm -rf /)',
    'echo `rm -rf /`',
    'cat <(rm -rf /)',
    '   rm -rf /',
    'rm\t-rf /',
    'ls;\trm \t -rf /',
  ];

  it.each(compounds)('is held against each part of %j', (command) => {
    expect(decideRun({ 'run:rm *': 'deny' }, command, 'allow')).toBe('deny');
    expect(decideRun({ 'run:rm *': 'ask' }, command, 'allow')).toBe('ask');
  });

  it.each(['ls', 'rmdir x', 'echo farm -x', 'npm rm x', ''])('leaves %j alone', (command) => {
    expect(decideRun({ 'run:rm *': 'deny' }, command, 'allow')).toBe('allow');
  });

  it('that is a star denies a call without a subject as well', () => {
    expect(decide({ 'promote:*': 'deny' }, ['promote'], '', 'allow')).toBe('deny');
    expect(decide({ 'promote:*': 'ask' }, ['promote'], '  ', 'allow')).toBe('ask');
  });
});

describe('precedence', () => {
  const table: readonly [string, PolicyRules, string, Decision, Decision][] = [
    ['no rule: the default', {}, 'ls', 'ask', 'ask'],
    ['no rule for this tool: the default', { kill: 'deny', 'kill:*': 'deny' }, 'ls', 'allow', 'allow'],
    ['the bare tool over the default', { run: 'allow' }, 'ls', 'ask', 'allow'],
    ['a bare deny over the default', { run: 'deny' }, 'ls', 'allow', 'deny'],
    ['a pattern over the bare tool (allow)', { run: 'deny', 'run:ls': 'allow' }, 'ls', 'ask', 'allow'],
    ['a pattern over the bare tool (deny)', { run: 'allow', 'run:ls': 'deny' }, 'ls', 'ask', 'deny'],
    ['a pattern over the bare tool (ask)', { run: 'deny', 'run:ls': 'ask' }, 'ls', 'allow', 'ask'],
    ['a pattern that does not match: the bare tool', { run: 'deny', 'run:x': 'allow' }, 'ls', 'ask', 'deny'],
    ['among patterns deny over ask', { 'run:l*': 'ask', 'run:*s': 'deny' }, 'ls', 'allow', 'deny'],
    ['among patterns deny over allow', { 'run:ls': 'allow', 'run:*': 'deny' }, 'ls', 'ask', 'deny'],
    ['among patterns ask over allow', { 'run:ls': 'allow', 'run:*': 'ask' }, 'ls', 'allow', 'ask'],
    ['a colon in the subject is text', { 'run:a:b': 'deny' }, 'a:b', 'allow', 'deny'],
    ['an inherited name is no rule', {}, 'toString', 'allow', 'allow'],
  ];

  it.each(table)('%s', (_, rules, subject, otherwise, expected) => {
    expect(decideRun(rules, subject, otherwise)).toBe(expected);
    const reversed = Object.fromEntries(Object.entries(rules).reverse());
    expect(decideRun(reversed, subject, otherwise)).toBe(expected);
  });

  it('knows a tool by all of its names, and the strictest of them wins', () => {
    expect(decide({ read_logs: 'deny' }, ['logs', 'read_logs'], '', 'allow')).toBe('deny');
    expect(decide({ logs: 'allow', read_logs: 'deny' }, ['logs', 'read_logs'], '', 'ask')).toBe('deny');
    expect(decide({ 'read_logs:x': 'deny' }, ['logs', 'read_logs'], 'x', 'allow')).toBe('deny');
    expect(decide({}, ['constructor', 'toString'], '', 'allow')).toBe('allow');
  });
});

describe('unknownTools', () => {
  it('names the rules that protect nothing, patterns too', () => {
    const rules = {
      prommote: 'deny',
      'rnu:npm *': 'allow',
      run: 'ask',
      'run:a:b': 'deny',
      '': 'deny',
      ':x': 'deny',
    };
    expect(unknownTools(rules as PolicyRules, new Set(['run', 'promote']))).toEqual([
      'prommote',
      'rnu:npm *',
      '',
      ':x',
    ]);
  });

  it('finds nothing wrong with an empty policy', () => {
    expect(unknownTools({}, new Set())).toEqual([]);
  });
});

describe('matchesWildcard', () => {
  /** The same by definition: a star eats any number of characters. Exponential, and plainly right. */
  const reference = (pattern: string, text: string): boolean => {
    if (pattern === '') return text === '';
    if (pattern[0] !== '*')
      return pattern[0] === text[0] && text !== '' && reference(pattern.slice(1), text.slice(1));
    return reference(pattern.slice(1), text) || (text !== '' && reference(pattern, text.slice(1)));
  };
  const word = (letters: readonly string[]) =>
    fc.array(fc.constantFrom(...letters), { maxLength: 9 }).map((characters) => characters.join(''));

  it('agrees with its definition', () => {
    fc.assert(
      fc.property(word(['a', 'b', '*']), word(['a', 'b', '*', '\n']), (pattern, text) => {
        expect(matchesWildcard(pattern, text)).toBe(reference(pattern, text));
      }),
      { numRuns: 5_000 },
    );
  });

  it('matches every text that is made by filling in the stars', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { minLength: 1, maxLength: 5 }),
        fc.array(fc.string()),
        (parts, fill) => {
          const literal = parts.map((part) => part.replaceAll('*', '-'));
          const text = literal.reduce((made, part, index) => made + (fill[index] ?? '') + part);
          expect(matchesWildcard(literal.join('*'), text)).toBe(true);
        },
      ),
    );
  });

  it('takes nothing else for special', () => {
    expect(matchesWildcard('a.c', 'abc')).toBe(false);
    expect(matchesWildcard('[ab]?', 'a?')).toBe(false);
    expect(matchesWildcard('(a+)+$', '(a+)+$')).toBe(true);
  });

  it('stays quick on what makes backtracking matchers hang', () => {
    const started = performance.now();
    expect(matchesWildcard(`${'*a'.repeat(50)}*b`, 'a'.repeat(20_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
