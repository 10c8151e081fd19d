import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../../skills/process-manager/output/index.ts';
import { isFailure } from '../../../../skills/tool.ts';

function refusal(source: string): { code: string; message: string; hint: string } {
  try {
    compilePattern(source);
  } catch (error) {
    if (isFailure(error)) return error;
    throw error;
  }
  throw new Error(`${source} was accepted`);
}

describe('compilePattern', () => {
  it.each([
    ['(a)\\1', 'back-reference'],
    ['(?<x>a)\\k<x>', 'back-reference'],
    ['a(?=b)', 'look-ahead'],
    ['a(?!b)', 'look-ahead'],
    ['(?<=a)b', 'look-behind'],
    ['(?<!a)b', 'look-behind'],
    ['a++', 'possessive'],
    ['a*+b', 'possessive'],
    ['(?>a)', 'atomic'],
    ['a{2000}', 'repeat count'],
    ['(a{100}){100}', 'repeat count'],
    ['\\pL{900}[^a]{900}.{900}', 'too large'],
    ['a**', 'repeated repetition'],
    ['(?(1)a|b)', 'conditional'],
    ['a(?#b)', 'comment'],
    ['\\u0041', 'escape'],
    ['', 'empty'],
    ['(?i)', 'empty'],
    ['a'.repeat(1_001), '1001 characters'],
    ['[a', 'missing closing ]'],
    ['(a', 'missing closing )'],
  ])('refuses %s and names the construct', (source, construct) => {
    const { code, message, hint } = refusal(source);
    expect(code).toBe('pattern_refused');
    expect(message).toContain(construct);
    expect(hint.length).toBeGreaterThan(10);
  });

  it.each([
    ['/Error/i', 'an ERROR', true],
    ['/Error/', 'an ERROR', false],
    ['(?i)error', 'an ERROR', true],
    ['/a\\/b$/', 'x a/b', true],
    ['/usr/bin', 'in /usr/bin', true],
    ['/var/log/i', 'in /var/log/i', true],
    ['^\\[\\d+\\] (ready|listening)', '[12] listening', true],
    ['(?<name>x)y', 'xy', true],
    ['\\bfoo\\b', 'a foo', true],
    ['a'.repeat(1_000), 'a', false],
  ])('understands %s', (source, line, matches) => {
    const pattern = compilePattern(source);
    expect(pattern.source).toBe(source);
    expect(pattern.regex.test(line)).toBe(matches);
  });
});
