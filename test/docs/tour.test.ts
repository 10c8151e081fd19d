// The tour of README.md, walked as a newcomer walks it: an instance made of this repository's code, the real watchdog, a
// shell, and the very commands that the page shows.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, codeRoot, makeInstance, runProgram, until } from '../support/instance.ts';
import { isAsShown, type Step, stepsOf } from '../support/tour.ts';
import { isSettled, startWatchdog } from '../watchdog/support.ts';

const page = readFileSync(join(codeRoot, 'README.md'), 'utf8');
const code = ['src', 'skills', 'package.json', 'tsconfig.json', 'watchdog.js', 'SOUL.md', 'IDENTITY.md'];
/** What somebody who is in doubt may type again: it changes nothing. */
const looking = /^npx understudy (list|logs|status|history|releases|doctor)\b/;

describe('what the page shows', () => {
  it.each([
    ['another word', 'v1.1 is live', 'v1.2 is live'],
    ['a line too many', 'ready', 'ready\nError: no'],
    ['a line too few', 'ready\nsteady', 'ready'],
    ['the beginning of a line', 'v1.1', 'v1.10'],
    ['two lines for one', 'added … in all', 'added 1\nin all'],
    ['signs of a pattern', 'a.c', 'abc'],
    ['no answer where there is one', '', 'Error: no'],
  ])('is refused when the answer has %s', (_, shown, answer) => {
    expect(isAsShown(shown, answer)).toBe(false);
  });

  it.each([
    ['the same', 'ready', 'ready\n'],
    ['anything within a line', 'PID … runs', 'PID 4711 runs'],
    ['any lines', 'first\n…\nlast', 'first\nsecond\nthird\nlast'],
    ['no lines', 'first\n…', 'first'],
    ['wider columns', 'a  b', 'a        b'],
  ])('holds for %s', (_, shown, answer) => {
    expect(isAsShown(shown, answer)).toBe(true);
  });
});

it('walks the tour of README.md', async () => {
  const steps = stepsOf(page);
  const verbs = steps.map(({ command }) => /^npx understudy (\w+)/.exec(command)?.[1] ?? 'shell');
  expect(verbs).toEqual(
    expect.arrayContaining(
      'run hook list logs history revert edit_file promote releases rollback doctor'.split(' '),
    ),
  );
  const root = makeProject();
  const watchdog = startWatchdog(root);
  await until('the bot runs', () => watchdog.output().includes('runs as the live bot'), 60_000);
  for (const step of steps) {
    await walk(root, step);
    // The page speaks of somebody who reads what happened before typing on.
    await until('the bot is up', () => isUp(root), 60_000);
  }
  expect(watchdog.output()).toContain('the waiter has gone home');
  // At first, restarted, promoted, rolled back.
  expect(watchdog.output().match(/runs as the live bot/g)?.length).toBeGreaterThanOrEqual(4);
  expect(watchdog.output()).toContain('Understudy, in good spirits, runs as the live bot');
  await until('all is settled', () => isSettled(root));
  expect(await watchdog.stop()).toBe(0);
}, 240_000);

async function walk(root: string, { command, answer }: Step): Promise<void> {
  const deadline = Date.now() + 30_000;
  // A failure ends with its next step, and no other answer does: `…` must not hide one.
  const expected = answer.includes('\n-> ') ? 1 : 0;
  for (;;) {
    const { given, exitCode } = await type(root, command);
    if (isAsShown(answer, given) && exitCode === expected) return;
    if (looking.test(command) && Date.now() < deadline) continue;
    expect({ given, exitCode }, `README.md shows another answer to: ${command}`).toEqual({
      given: answer,
      exitCode: expected,
    });
    throw new Error(`the answer to ${command} is shown, but does not match`);
  }
}

/** What a terminal would show. */
async function type(root: string, command: string): Promise<{ given: string; exitCode: number | null }> {
  const env = cleanEnvironment({ npm_config_loglevel: 'error', npm_config_update_notifier: 'false' });
  const { stdout, exitCode } = await runProgram('bash', ['-c', `exec 2>&1\n${command}`], { cwd: root, env });
  return { given: stdout, exitCode };
}

function isUp(root: string): boolean {
  try {
    return JSON.parse(readFileSync(join(root, '.heartbeat'), 'utf8')).state === 'ready';
  } catch {
    return false;
  }
}

/** As it is after a clone and `npm start`: no token, and a staging that nobody has filled. */
function makeProject(): string {
  const root = makeInstance();
  for (const name of code) cpSync(join(codeRoot, name), join(root, name), { recursive: true });
  for (const name of ['memory', 'logs', 'backups', 'staging', 'node_modules']) mkdirSync(join(root, name));
  for (const name of ['SOUL.md', 'IDENTITY.md', '.env.example']) {
    cpSync(join(codeRoot, 'staging', name), join(root, 'staging', name));
  }
  for (const name of readdirSync(join(codeRoot, 'node_modules'))) {
    if (name !== '.cache' && existsSync(join(codeRoot, 'node_modules', name))) {
      symlinkSync(join(codeRoot, 'node_modules', name), join(root, 'node_modules', name));
    }
  }
  return root;
}
