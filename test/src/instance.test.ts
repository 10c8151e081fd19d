import { describe, expect, it, onTestFinished } from 'vitest';
import manager from '../../skills/process-manager/index.ts';
import { isSupervised } from '../../skills/process-manager/supervisor/index.ts';
import type { Actor } from '../../skills/tool.ts';
import { type Instance, openInstance } from '../../src/instance.ts';
import { makeInstance } from '../support/instance.ts';

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function open(root: string): Instance {
  const loaded = { skills: [manager as never], failures: [] };
  const instance = openInstance({ root, loaded, environment: {}, logger: quiet });
  onTestFinished(() => instance.close());
  return instance;
}

const actor = (surface: Actor['surface']): Actor => ({
  id: `${surface}:1`,
  name: 'somebody',
  surface,
  rights: ['read', 'operate', 'deploy'],
});

describe('what a bot does all the time', () => {
  it('is done by a live bot, and not by a staging bot', () => {
    for (const [role, supervised] of [
      ['live', true],
      ['staging', false],
    ] as const) {
      const root = makeInstance({ '.env': `BOT_ROLE=${role}\n` });
      const instance = open(root);
      instance.database();
      const running = instance.startSkills({ notify: () => {} });
      expect(isSupervised(root)).toBe(supervised);
      running.stop();
      expect(isSupervised(root)).toBe(false);
    }
  });
});

describe('a secret of .env', () => {
  it('is masked in whatever leaves the machine, results and errors, and not on the terminal', async () => {
    const secret = 'k3y-of-some-service-8842';
    const instance = open(makeInstance({ '.env': `SOME_SERVICE=${secret}\n` }));
    const confirm = async () => true;
    const input = { command: `echo ${secret}`, wait: 20, name: 'talker' };
    const run = (surface: Actor['surface']) =>
      instance.dispatcher.call(actor(surface), 'run', input, { confirm });
    for (const surface of ['llm', 'discord', 'mcp', 'page'] as const) {
      const shown = JSON.stringify(await run(surface));
      expect(shown).not.toContain(secret);
      expect(shown).toContain('[masked]');
    }
    expect(JSON.stringify(await run('cli'))).toContain(secret);
    const failing = instance.dispatcher.call(actor('llm'), 'logs', { process: secret });
    await expect(failing).rejects.toMatchObject({
      code: 'unknown_process',
      message: expect.stringContaining("'[masked]'"),
    });
  });
});

describe('a command that nobody knows', () => {
  it('is run for an LLM after the person has seen exactly that command, and not before', async () => {
    const instance = open(makeInstance({ 'config.json': '{"policy": {"run:echo *": "allow"}}' }));
    const questions: unknown[] = [];
    const call = (command: string, answer: boolean, dryRun = false) =>
      instance.dispatcher.call(
        actor('llm'),
        'run',
        { command, dryRun },
        {
          confirm: async ({ input, question }) => {
            questions.push([question, (input as { command: string }).command]);
            return answer;
          },
        },
      );
    await call('echo known', false);
    await call('printf x', false, true);
    expect(questions).toEqual([]);
    await expect(call('printf x', false)).rejects.toMatchObject({ code: 'not_confirmed' });
    await call('printf x', true);
    expect(questions).toEqual(Array(2).fill(['Run a command: printf x?', 'printf x']));
    const { processes } = (await instance.dispatcher.call(actor('cli'), 'list', {})) as {
      processes: { id: string; command: string }[];
    };
    expect(processes.map(({ command }) => command).sort()).toEqual(['echo known', 'printf x']);
  });
});
