import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { Finding, ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { inspectMachine } from './doctor-checks.ts';

const marks = { ok: 'ok', warning: 'warning', problem: 'PROBLEM' } as const;

/** `doctor`: what is wrong with this instance, and how to mend it. */
export const doctor = defineTool({
  name: 'doctor',
  title: 'Examine the instance',
  description:
    'Says what is wrong with this instance and how to mend it: Node, native module, configuration, database, folders, bots, tokens, watchdog, git, disk.',
  input: z.strictObject({}),
  output: z.object({
    healthy: z.boolean(),
    findings: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['ok', 'warning', 'problem']),
        message: z.string(),
        hint: z.string().optional(),
      }),
    ),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  worksWhenBroken: true,
  examples: [{ command: 'doctor', explains: 'the first thing to run when something is wrong' }],
  present: ({ healthy, findings }) => ({
    heading: healthy ? 'Nothing stands in the way.' : 'This instance has problems:',
    table: {
      columns: ['CHECK', 'RESULT', 'FOUND'],
      rows: findings.map(({ name, status, message, hint }) => [
        name,
        marks[status],
        hint === undefined ? message : `${message}\n-> ${hint}`,
      ]),
    },
  }),
  isFailure: ({ healthy }) => !healthy,
  handler: async ({ engine }: ToolContext<Engine>) => {
    const findings = [
      ...(await inspectMachine(engine.root)),
      ...examineBots(engine),
      ...(await examineEngines(engine)),
      ...(await engine.diagnose()),
    ];
    return { healthy: findings.every(({ status }) => status !== 'problem'), findings };
  },
});

/** Engines that bots are to run on, and whether they can. */
async function examineEngines(engine: Engine): Promise<Finding[]> {
  try {
    return await Promise.all(
      [...engine.bots.engines()].map(async (name): Promise<Finding> => {
        const problem = await engine.processes.problemOf(name);
        return problem
          ? { name, status: 'problem', message: problem.message, hint: problem.hint }
          : { name, status: 'ok', message: 'answers, and can run bots' };
      }),
    );
  } catch {
    // The database cannot be opened, which is a finding of its own.
    return [];
  }
}

/** Bots that could not be started as they are configured. */
function examineBots(engine: Engine): Finding[] {
  try {
    return engine.bots.examine().map(({ name, failure }) => ({
      name: `bot ${name}`,
      status: 'warning',
      message: failure.message,
      hint: failure.hint,
    }));
  } catch {
    // The database cannot be opened, which is a finding of its own.
    return [];
  }
}
