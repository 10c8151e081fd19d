// The command file, written to by real shells, with a clock that the test moves.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type CarryOut,
  createCommandFile,
  offerCommandFile,
} from '../../../../skills/process-manager/bots/index.ts';
import manager from '../../../../skills/process-manager/index.ts';
import { Failure } from '../../../../skills/tool.ts';
import { openDatabase } from '../../../../src/database.ts';
import { historyMigrations } from '../../../../src/history.ts';
import { cleanEnvironment, makeInstance, until } from '../../../support/instance.ts';
import { makeLogger } from '../../../support/skill.ts';

const takenPrefix = '.bot_commands-';
/** What is read at once. */
const chunk = 256 * 1024;

/** A folder with a database, whose time can be moved ahead of the real one. */
function makePlace(root = makeInstance()) {
  const database = openDatabase(root, [...historyMigrations, ...manager.migrations]);
  onTestFinished(() => void database.close());
  const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
  const path = (name: string) => join(root, name);
  const text = (name: string) => (existsSync(path(name)) ? readFileSync(path(name), 'utf8') : '');
  return {
    ...{ root, database, clock, logger: makeLogger() },
    write: (commands: string | Buffer) => appendFileSync(path('bot_commands.txt'), commands),
    /** What stands in the log, without the moments. */
    answers: () =>
      text('bot_commands.log')
        .split('\n')
        .filter(Boolean)
        .map((line) => line.replace(/^\S+Z /, '')),
    taken: () => readdirSync(root).filter((name) => name.startsWith(takenPrefix)),
  };
}

type Place = ReturnType<typeof makePlace>;

/** A supervisor's command file over a place. Everything succeeds unless `carryOut` says otherwise. */
function open(place: Place, carryOut: CarryOut = async () => ['done']) {
  const calls: string[] = [];
  const file = createCommandFile({
    ...place,
    carryOut: (verb, name) => {
      calls.push(`${verb} ${name}`.trim());
      return carryOut(verb, name);
    },
  });
  const pollAndRest = async () => {
    file.poll();
    await file.rest();
  };
  return { ...file, calls, pollAndRest };
}

/** Carries out nothing until it is let go. */
function gate() {
  let letGo = () => {};
  const opened = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  return { letGo, opened };
}

const rows = (database: Database) => database.prepare('SELECT name, position FROM command_files').all();

/** Runs shell code in the folder; killed with the test. */
function shell(root: string, code: string): Promise<unknown> {
  const child = spawn('bash', ['-c', code], { cwd: root, env: cleanEnvironment(), stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return once(child, 'exit');
}

describe('commands of several writers at once', () => {
  it('are each answered exactly once, also those of one who keeps the file open', async () => {
    const place = makePlace();
    const { poll, rest, calls } = open(place);
    offerCommandFile(place.root);
    const patient = shell(
      place.root,
      `exec 3>>bot_commands.txt; echo 'start patient 1' >&3; touch opened
       until [ -e go ]; do sleep 0.02; done; echo 'start patient 2' >&3; printf 'start patient 3' >&3`,
    );
    await until('the patient one has the file open', () => existsSync(join(place.root, 'opened')));
    const loop = (writer: number) =>
      `for i in {1..100}; do echo "restart writer ${writer} line $i" >> bot_commands.txt; done`;
    const writers = Promise.all(Array.from({ length: 10 }, (_, writer) => shell(place.root, loop(writer))));
    await until('all is answered', () => {
      poll();
      return calls.length === 1_001;
    });
    await writers;
    await rest();
    expect(new Set(place.answers()).size).toBe(1_001);
    expect(place.answers()).toHaveLength(1_001);

    // Whoever opened the others just before their renaming would have written long ago.
    place.clock.aheadMs += 60_000;
    poll();
    expect(place.taken()).toHaveLength(1);
    writeFileSync(join(place.root, 'go'), '');
    await patient;
    place.clock.aheadMs += 60_000;
    await until('the file is let go', () => {
      poll();
      return place.taken().length === 0;
    });
    await rest();
    expect(calls.slice(1_001)).toEqual(['start patient 2', 'start patient 3']);
    expect(place.answers()).toHaveLength(1_003);
    expect(rows(place.database)).toEqual([]);
    expect(place.logger.lines).toEqual([]);
  });

  it('are kept for a writer who has the file open when the root is reached through a link', async () => {
    const root = makeInstance();
    const link = join(makeInstance(), 'link');
    symlinkSync(root, link);
    const place = makePlace(link);
    const { poll, pollAndRest, calls } = open(place);
    const patient = shell(
      root,
      `exec 3>>bot_commands.txt; echo 'start a' >&3; until [ -e go ]; do sleep 0.02; done; echo 'start b' >&3`,
    );
    await until('the first is answered', () => {
      poll();
      return calls.length === 1;
    });
    place.clock.aheadMs += 60_000;
    await pollAndRest();
    await pollAndRest();
    writeFileSync(join(root, 'go'), '');
    await patient;
    await pollAndRest();
    expect(calls).toEqual(['start a', 'start b']);
  });
});

describe('a line', () => {
  it.each<[string, string | Buffer, readonly string[]]>([
    ['names a verb and a bot', 'start A\n', ['start A -> done']],
    ['may have spaces in the name', 'restart Task  Master 2\n', ['restart Task  Master 2 -> done']],
    ['may be indented', '  stop \t A  \n', ['stop   A -> done']],
    ['may come from Windows', 'pause A\r\nresume A\r\n', ['pause A -> done', 'resume A -> done']],
    ['may begin with a mark of its encoding', '\uFEFFupdate A\n', ['update A -> done']],
    ['may be status_all with a word', 'status_all now\n', ['status_all now -> done']],
    ['may be status_all without one', 'status_all\n', ['status_all -> done']],
    ['may be a comment', '# start A\n   # stop A\n#\n', []],
    ['may be empty', '\n\r\n   \n', []],
    [
      'may hold bytes that are no text',
      Buffer.from([0x73, 0x74, 0x6f, 0x70, 0x20, 0xff, 0x0a]),
      ['stop \uFFFD -> done'],
    ],
  ])('%s', async (_, commands, answers) => {
    const place = makePlace();
    place.write(commands);
    await open(place).pollAndRest();
    expect(place.answers()).toEqual(answers);
  });

  it('tells the catalogue what is meant: the verb and the name, and status_all is a list', async () => {
    const place = makePlace();
    const { calls, pollAndRest } = open(place);
    place.write('start A B\r\nstatus_all now\nstatus_all\nlist\nstatus C\n');
    await pollAndRest();
    expect(calls.sort()).toEqual(['list', 'list', 'list', 'start A B', 'status C']);
  });

  it.each([
    ['explode A', 'unknown_command', "'explode' is no command."],
    ['START A', 'unknown_command', "'START' is no command."],
    ['start', 'name_missing', 'start Task-Master'],
    ['stop   ', 'name_missing', 'stop Task-Master'],
  ])('that is wrong is answered: %s', async (line, code, words) => {
    const place = makePlace();
    const { calls, pollAndRest } = open(place);
    place.write(`${line}\n`);
    await pollAndRest();
    expect(place.answers()).toHaveLength(1);
    expect(place.answers()[0]).toContain(`${line.trim()} -> error ${code}: `);
    expect(place.answers()[0]).toContain(words);
    expect(calls).toEqual([]);
  });

  it('that cannot be carried out gets code, reason and next step', async () => {
    const place = makePlace();
    const { pollAndRest } = open(place, async () => {
      throw new Failure('unknown_bot', "There is no bot 'A'.", 'The bots are: staging.');
    });
    place.write('start A\n');
    await pollAndRest();
    expect(place.answers()).toEqual([
      "start A -> error unknown_bot: There is no bot 'A'. -> The bots are: staging.",
    ]);
  });

  it('has one line in the log for each line of the answer, whatever stands in it', async () => {
    const place = makePlace();
    const { pollAndRest } = open(place, async () => [
      'one\ntwo',
      'three\r\n  four\rfive',
      '\u001b[31mred\u0000\u2028end',
    ]);
    place.write('status A\rB\n');
    await pollAndRest();
    expect(place.answers()).toEqual([
      'status A / B -> one / two',
      'status A / B -> three / four / five',
      'status A / B ->  [31mred  / end',
    ]);
    expect(readFileSync(join(place.root, 'bot_commands.log'), 'utf8')).toMatch(
      /^2\d{3}-\d\d-\d\dT[\d:.]+Z status/,
    );
  });

  it('without its newline is waited for until it is quiet', async () => {
    const place = makePlace();
    const { calls, pollAndRest } = open(place);
    place.write('start A\nstart B');
    await pollAndRest();
    expect(calls).toEqual(['start A']);
    const [taken = ''] = place.taken();
    appendFileSync(join(place.root, taken), '-and-more');
    await pollAndRest();
    expect(calls).toEqual(['start A']);
    place.clock.aheadMs += 2_500;
    await pollAndRest();
    expect(calls).toEqual(['start A', 'start B-and-more']);
    appendFileSync(join(place.root, taken), '\nstart C\n');
    await pollAndRest();
    expect(calls).toEqual(['start A', 'start B-and-more', 'start C']);
  });

  it.each([
    ['a little', 2_000],
    ['as much as is read at once', chunk - 'start '.length],
    ['one more than that', chunk - 'start '.length + 1],
    ['twice that', 2 * chunk - 'start '.length],
    ['much more', 700_000],
  ])('that is too long by %s is answered once, briefly, and never in part', async (_, length) => {
    const place = makePlace();
    const { calls, pollAndRest } = open(place);
    const long = `start ${'x'.repeat(length - 7)} stop B`;
    place.write(`start A\n${long}\nstart C\n${long}`);
    for (let polls = 0; polls < 10; polls++) await pollAndRest();
    expect(place.answers().sort()).toHaveLength(3);
    place.clock.aheadMs += 2_500;
    for (let polls = 0; polls < 10; polls++) await pollAndRest();
    expect(calls.sort()).toEqual(['start A', 'start C']);
    const errors = place.answers().filter((answer) => answer.includes('error line_too_long'));
    expect([errors.length, place.answers().length]).toEqual([2, 4]);
    for (const error of errors) expect(error.length).toBeLessThan(300);
  });
});

describe('the order', () => {
  it('is kept for each bot, while others do not wait', async () => {
    const place = makePlace();
    const { letGo, opened } = gate();
    const done: string[] = [];
    const { poll, rest, calls } = open(place, async (verb, name) => {
      if (name === 'A' && verb === 'stop') await opened;
      done.push(`${verb} ${name}`);
      return ['done'];
    });
    place.write('stop A\nstart A\nstop B\n');
    poll();
    place.write('restart A\nstart B\n');
    poll();
    await until('B is done', () => done.length === 2);
    expect(calls).toEqual(['stop A', 'stop B', 'start B']);
    letGo();
    await rest();
    expect(done).toEqual(['stop B', 'start B', 'stop A', 'start A', 'restart A']);
  });

  it('is kept from one file to the next, when the first is more than is read at once', async () => {
    const place = makePlace();
    const { calls, poll, rest } = open(place);
    place.write(`${`# ${'x'.repeat(997)}\n`.repeat(700)}stop A\n`);
    poll();
    place.write('start A\n');
    await until('both are carried out', () => {
      poll();
      return calls.length === 2;
    });
    await rest();
    expect(calls).toEqual(['stop A', 'start A']);
  });

  it('never has more than a bounded number of commands under way', async () => {
    const place = makePlace();
    const { letGo, opened } = gate();
    const { calls, poll, rest } = open(place, async () => {
      await opened;
      return ['done'];
    });
    const lines = Array.from({ length: 2_000 }, (_, index) => `start bot-${index}\n`);
    for (const from of [0, 700, 1_400]) {
      place.write(lines.slice(from, from + 700).join(''));
      poll();
    }
    await until('as many as may be are under way', () => {
      poll();
      return calls.length >= 500;
    });
    poll();
    expect(calls).toHaveLength(500);
    letGo();
    await until('all are carried out', () => {
      poll();
      return calls.length === 2_000;
    });
    await rest();
    expect(calls).toEqual(lines.map((line) => line.trim()));
    expect(place.answers()).toHaveLength(2_000);
  });
});

describe('when the supervisor is killed', () => {
  it('the next one carries out what was under way or not yet read, and nothing that was done before', async () => {
    const place = makePlace();
    const never = gate();
    const first = open(place, async (_, name) => {
      if (name === 'slow') await never.opened;
      return ['done'];
    });
    place.write('start A\nstart slow\nstart B\nstop slow\n');
    first.poll();
    await until('what can be done is done', () => place.answers().length === 2);
    // It was renamed, and nobody has read it yet; and more has come since.
    writeFileSync(join(place.root, `${takenPrefix}9999999999999-x`), 'start C\n');
    place.write('start D\nstart E');

    const second = open(place);
    await second.pollAndRest();
    place.clock.aheadMs += 2_500;
    await second.pollAndRest();
    const { calls } = second;
    expect(calls).not.toContain('start A');
    expect(calls.filter((call) => call.endsWith('slow'))).toEqual(['start slow', 'stop slow']);
    expect(calls).toEqual(expect.arrayContaining(['start C', 'start D', 'start E']));
    // B was done, though it stands behind a command that was not: what came later must not be undone.
    expect(calls).not.toContain('start B');
  });

  it('in the middle of a line that is longer than it reads at once, the next one still does not take its rest for a command', async () => {
    const place = makePlace();
    const { letGo, opened } = gate();
    const first = open(place, async () => {
      await opened;
      return ['done'];
    });
    place.write(`start A\nstart ${'x'.repeat(chunk - 'start '.length)} stop B\nstart C\n`);
    first.poll();
    first.poll();
    letGo();
    await first.rest();
    const second = open(place);
    for (let polls = 0; polls < 4; polls++) await second.pollAndRest();
    expect(second.calls).toEqual(['start C']);
    expect(place.answers().filter((answer) => answer.includes('line_too_long'))).toHaveLength(1);
  });

  it('one who waited for its place all the time does not repeat what that one has done', async () => {
    const place = makePlace();
    const first = open(place);
    place.write('start A\n');
    first.poll();
    const second = open(place);
    await first.rest();
    place.write('start B\n');
    await first.pollAndRest();
    place.write('start C\n');
    await second.pollAndRest();
    expect([first.calls, second.calls]).toEqual([['start A', 'start B'], ['start C']]);
  });
});

describe('what is not ours, or not in order', () => {
  it.each<[string, (path: string) => void]>([
    ['a link', (path) => symlinkSync('elsewhere', path)],
    ['a folder', (path) => mkdirSync(join(path, 'inside'), { recursive: true })],
    ['a pipe', (path) => void execFileSync('mkfifo', [path])],
  ])('%s is left alone and blocks nobody', async (_, make) => {
    const place = makePlace();
    writeFileSync(join(place.root, 'elsewhere'), 'start A\n');
    const names = ['bot_commands.txt', `${takenPrefix}1-x`];
    for (const name of names) make(join(place.root, name));
    offerCommandFile(place.root);
    const look = () => names.map((name) => lstatSync(join(place.root, name)).mode);
    const before = look();
    const { calls, pollAndRest } = open(place);
    await pollAndRest();
    expect(look()).toEqual(before);
    expect(calls).toEqual([]);
    expect(readFileSync(join(place.root, 'elsewhere'), 'utf8')).toBe('start A\n');
  });

  it('an empty file is left where it is, one that is taken is replaced at once', async () => {
    const place = makePlace();
    const { pollAndRest } = open(place);
    await pollAndRest();
    expect(existsSync(join(place.root, 'bot_commands.txt'))).toBe(false);
    offerCommandFile(place.root);
    await pollAndRest();
    expect(place.taken()).toEqual([]);
    place.write('start A\n');
    offerCommandFile(place.root);
    await pollAndRest();
    expect(statSync(join(place.root, 'bot_commands.txt')).size).toBe(0);
    expect(place.answers()).toEqual(['start A -> done']);
  });

  it('a database that cannot be written ends nothing: commands are answered, and those after them', async () => {
    const place = makePlace();
    const { pollAndRest } = open(place);
    place.database.exec('PRAGMA query_only = ON');
    place.write('start A\n');
    await pollAndRest();
    place.write('stop A\n');
    await pollAndRest();
    expect(place.answers()).toEqual(['start A -> done', 'stop A -> done']);
    expect(place.logger.lines.map(({ level }) => level)).toEqual(['error', 'error']);
    place.database.exec('PRAGMA query_only = OFF');
    place.write('start A\n');
    await pollAndRest();
    expect(place.answers()).toHaveLength(3);
  });

  it('a log of answers that cannot be written ends nothing either', async () => {
    const place = makePlace();
    const { calls, pollAndRest } = open(place);
    mkdirSync(join(place.root, 'bot_commands.log'));
    place.write('start A\nstop A\n');
    await pollAndRest();
    expect(calls).toEqual(['start A', 'stop A']);
    expect(place.logger.lines).toHaveLength(2);
  });

  it('the log of answers stays small', async () => {
    const place = makePlace();
    const { poll, rest, calls } = open(place, async () => ['y'.repeat(2_000)]);
    place.write(Array.from({ length: 700 }, (_, index) => `start bot-${index}\n`).join(''));
    await until('all is answered', () => {
      poll();
      return calls.length === 700;
    });
    await rest();
    expect(statSync(join(place.root, 'bot_commands.log')).size).toBeLessThan(520 * 1024);
    expect(place.answers().at(-1)).toMatch(/^start bot-699 -> y+$/);
  });
});
