import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import manager from '../../../skills/process-manager/index.ts';
import { describeTools } from '../../../src/dashboard/catalogue.ts';
import { complete, quoted, understand, wordsOf } from '../../../src/dashboard/page/command-line.js';
import { createLogLines } from '../../../src/dashboard/page/log-lines.js';
import { age, clean, duration, exact, size } from '../../../src/dashboard/page/words.js';
import { codeRoot } from '../../support/instance.ts';

const tools = describeTools(manager.tools.map((tool) => ({ tool, skill: manager })));
const names = {
  bots: [{ value: 'worker', explains: 'bot, running' }],
  processes: [{ value: 'two words', explains: 'running' }],
  versions: [{ value: 'v1.2', explains: 'good' }],
};
const inputOf = (line: string) => {
  const found = understand(line, tools);
  return 'problem' in found ? found.problem : { [found.tool.name]: found.input };
};
const offers = (line: string) => complete(line, tools, names).suggestions.map(({ value }) => value);

describe('a typed command', () => {
  it('is taken apart as a shell does', () => {
    expect(wordsOf(`a  "b c" d'e f' \\"g "h\\"i"`)).toEqual({
      words: ['a', 'b c', 'de f', '"g', 'h"i'],
      isOpen: true,
    });
    expect(wordsOf('a ""')).toEqual({ words: ['a', ''], isOpen: true });
    expect(wordsOf('a "b ')).toEqual({ words: ['a', 'b '], isOpen: true });
    expect(wordsOf('a ')).toEqual({ words: ['a'], isOpen: false });
    expect(wordsOf('C:\\dir \\n')).toEqual({ words: ['C:\\dir', '\\n'], isOpen: true });
    for (const word of ['plain', 'two words', 'say "hi"', "it's", 'back\\slash', ''])
      expect(wordsOf(quoted(word)).words).toEqual([word]);
  });

  it('becomes a call with the types that the tool wants', () => {
    expect(inputOf('/process list')).toEqual({ list: {} });
    expect(inputOf('/list')).toEqual({ list: {} });
    expect(inputOf('/process logs worker --lines 20 --stream stderr')).toEqual({
      logs: { process: 'worker', lines: 20, stream: 'stderr' },
    });
    expect(inputOf('/process run "npm test -- --watch" --name tests --dry-run --wait=5')).toEqual({
      run: { command: 'npm test -- --watch', name: 'tests', dryRun: true, wait: 5 },
    });
    expect(inputOf('/process self-restart --reason "a new key"')).toEqual({
      self_restart: { reason: 'a new key' },
    });
    expect(inputOf('/process read_logs live')).toEqual({ logs: { process: 'live' } });
    expect(inputOf('/process run -- --odd')).toEqual({ run: { command: '--odd' } });
    // What does not fit is refused by the tool's schema, with all that it knows.
    expect(inputOf('/process logs worker --lines many')).toEqual({
      logs: { process: 'worker', lines: 'many' },
    });
  });

  it('is answered with what is wrong with it', () => {
    expect(inputOf('/fly')).toContain('Commands begin with /process');
    expect(inputOf('/process')).toContain('The verbs are: list');
    expect(inputOf('/process fly')).toContain("'fly' is no verb");
    expect(inputOf('/process logs')).toContain("'logs' needs process");
    expect(inputOf('/process logs a b')).toContain("'b' is one word too many");
    expect(inputOf('/process logs a --fast')).toContain('Its options are: --lines');
    expect(inputOf('/process logs a --lines')).toContain('--lines needs a value');
  });
});

describe('completion', () => {
  it('offers prefixes, verbs, names, options and their values', () => {
    expect(offers('/')).toEqual(['/process']);
    expect(offers('/process re')).toEqual(
      expect.arrayContaining(['restart', 'resume', 'revert', 'releases']),
    );
    expect(offers('/process re')).not.toContain('list');
    expect(offers('/process logs ')).toEqual(['worker', 'two words', '--lines', '--stream', '--places']);
    expect(offers('/process logs w')).toEqual(['worker', 'two words']);
    expect(offers('/process stop ')).toEqual(['worker']);
    expect(offers('/process logs worker --s')).toEqual(['--stream']);
    expect(offers('/process logs worker --stream ')).toEqual(['stdout', 'stderr']);
    expect(offers('/process rollback ')).toContain('v1.2');
    expect(offers('/process promote --version ')).toEqual([]);
    expect(offers('hello')).toEqual([]);
    expect(offers('/process fly ')).toEqual([]);
  });

  it('replaces the word at the end and nothing before it', () => {
    const at = (line: string) => line.slice(0, complete(line, tools, names).start);
    expect(at('/process logs w')).toBe('/process logs ');
    expect(at('/process logs "two w')).toBe('/process logs ');
    expect(at('/process logs ')).toBe('/process logs ');
    expect(at('/pro')).toBe('');
  });
});

describe('words', () => {
  it('take out of a text what could steer a screen', () => {
    expect(clean('\u001b[31mred\u001b[0m \u001b]0;title\u0007x')).toBe('red x');
    expect(clean('10 %\r50 %\r100 %\r')).toBe('100 %');
    expect(clean('a\u0000b\u0008c\u202edcba')).toBe('a\ufffdb\ufffdc\ufffddcba');
    expect(clean('tab\tand\nline\r\n')).toBe('tab\tand\nline\n');
    const start = performance.now();
    clean(`${'\u001b['.repeat(50_000)}${'\u001b]'.repeat(50_000)}`);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('show what somebody says yes to exactly, also what hides or turns characters', () => {
    expect(exact('rm -rf /\rnpm test')).toBe('rm -rf /\\u{d}npm test');
    expect(exact('a\u200bb\u200fc\u202ed\u001b[8m\ue000\u2028')).toBe(
      'a\\u{200b}b\\u{200f}c\\u{202e}d\\u{1b}[8m\\u{e000}\\u{2028}',
    );
    expect(exact('two\nlines, ä 漢 🙂')).toBe('two\nlines, ä 漢 🙂');
  });

  it('say times and sizes', () => {
    expect([duration(0), duration(61), duration(3_600), duration(90_061)]).toEqual([
      '0 s',
      '1 min 1 s',
      '1 h',
      '1 d 1 h',
    ]);
    expect(age('2026-01-01T00:00:00Z', Date.parse('2026-01-01T02:30:00Z'))).toBe('2 h ago');
    expect([age(null), size(null), size(0), size(1_536)]).toEqual(['never', '–', '0 B', '1.5 KB']);
  });
});

describe('the lines of a log', () => {
  const line = (at: number, text: string, stream = 'stdout') => ({ stream, at, text });
  const news = (...lines: ReturnType<typeof line>[]) => ({ lines, gap: false, reset: false });
  const texts = (log: ReturnType<typeof createLogLines>) => log.lines.map(({ text }) => text);

  it('stand there once, although they are told again, and grow', () => {
    const log = createLogLines(10);
    log.take(news(line(0, 'a'), line(2, 'b'), line(0, 'e', 'stderr')));
    expect(log.take(news(line(0, 'a'), line(2, 'b'), line(4, 'c')))).toEqual({
      added: [line(4, 'c')],
      isRedrawn: false,
    });
    expect(log.take(news(line(4, 'c and more'), line(20, 'd'))).isRedrawn).toBe(true);
    expect(texts(log)).toEqual(['a', 'b', 'e', 'c and more', 'd']);
  });

  it('are bounded, begin again with an emptied log, and show where some are missing', () => {
    const log = createLogLines(4);
    log.take(news(...[0, 1, 2, 3, 4, 5].map((at) => line(at, `n${at}`))));
    expect(texts(log)).toEqual(['n2', 'n3', 'n4', 'n5']);
    log.take({ lines: [line(0, 'new')], gap: false, reset: true });
    expect(texts(log)).toEqual(['n3', 'n4', 'n5', 'new']);
    log.take({ ...news(line(90, 'far')), gap: true });
    expect(texts(log).slice(-3)).toEqual(['new', expect.stringContaining('faster than'), 'far']);
  });
});

it('has a page whose types are sound', { timeout: 120_000 }, () => {
  execFileSync('node_modules/.bin/tsc', ['-p', 'src/dashboard/page'], { cwd: codeRoot, stdio: 'pipe' });
});
