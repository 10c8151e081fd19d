import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { codeRoot, runProgram } from '../support/instance.ts';

describe('createLogger', () => {
  const record = () => {
    const lines: string[] = [];
    return { lines, logger: createLogger((line) => lines.push(line)) };
  };

  it('writes what cannot be written as JSON, or is named like its own parts, without failing', () => {
    const { lines, logger } = record();
    const circle: Record<string, unknown> = { name: 'x' };
    circle.self = circle;
    logger.info({ circle }, 'round');
    logger.warn({ time: 'never', level: 'high', msg: 'other', fields: 1 }, 'borrowed names');
    logger.error({ nothing: undefined, empty: null }, 'absent');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d INFO round circle=\{/);
    expect(lines[1]).toMatch(
      /^\d\d:\d\d:\d\d WARN borrowed names time=never level=high msg=other fields=1\n$/,
    );
    expect(lines[2]).toMatch(/^\d\d:\d\d:\d\d ERROR absent empty=null\n$/);
  });

  it('writes the time, the level, the message and the fields on one line', () => {
    const { lines, logger } = record();
    logger.info({}, 'started');
    logger.info({ bot: 'Data Bot', pid: 7, list: ['a'] }, 'started');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d INFO started\n$/);
    expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d INFO started bot=Data Bot pid=7 list=\["a"\]\n$/);
  });

  it('leaves out what is for debugging', () => {
    const { lines, logger } = record();
    logger.debug({}, 'a detail');
    expect(lines).toEqual([]);
  });

  it('has written the last line before a process dies', async () => {
    const program = `import { createLogger } from './src/log.ts';
      createLogger().error({ reason: 'test' }, 'the last words');
      process.kill(process.pid, 'SIGKILL');`;
    const { stdout, exitCode } = await runProgram(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { cwd: codeRoot },
    );
    expect(exitCode).toBeNull();
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d ERROR the last words reason=test\n$/);
  });
});
