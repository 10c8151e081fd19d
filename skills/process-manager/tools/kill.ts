import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { Failure, type ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { isFinished, type ProcessRow, requireRunning } from '../processes/index.ts';
import { describeProcess, processShape, statusInWords } from './process-shape.ts';

/** `kill`: ends a process and all that it started. */
export const kill = defineTool({
  name: 'kill',
  title: 'End a process',
  description:
    'Ends a process and everything that it started: asks with SIGTERM, waits, forces with SIGKILL, and says which it took. Of a process that has ended, it ends what that left running. With agent, ends all processes of that agent.',
  input: z.strictObject({
    process: z.string().min(1).optional().describe('Id, name or PID of the process'),
    agent: z.string().min(1).optional().describe('End all processes of this agent'),
    grace: z.number().min(0).max(600).default(5).describe('Seconds between SIGTERM and SIGKILL'),
  }),
  output: z.object({ processes: z.array(processShape) }),
  annotations: { readOnly: false, destructive: true, idempotent: true },
  permission: 'operate',
  positionals: ['process'],
  examples: [
    { command: 'kill worker', explains: 'by name' },
    { command: 'kill --agent planner', explains: 'all that one agent has started' },
  ],
  subject: ({ process, agent }) => process ?? (agent === undefined ? '' : `agent ${agent}`),
  present: ({ processes }) => ({
    text:
      processes.length === 0
        ? 'Nothing was running.'
        : processes.map((row) => `${row.id}  ${statusInWords(row)}  ${row.command}`).join('\n'),
  }),
  handler: async ({ engine, actor, signal, notify }: ToolContext<Engine>, { process, agent, grace }) => {
    await engine.bots.refresh();
    if (process !== undefined && (await giveUpRestart(engine, process))) {
      notify(`'${process}' did not run; it is not started again until understudy start ${process}`);
      return { processes: [] };
    }
    const rows = targets(engine, process, agent);
    // Whoever kills a bot wants it gone: it is not to come back by itself.
    for (const name of new Set(rows.flatMap(({ bot }) => bot ?? []))) {
      if (!engine.bots.unwant(name)) continue;
      notify(`'${name}' is a bot: it stays stopped until understudy start ${name}`);
    }
    const ended = await Promise.all(
      rows.map((row) =>
        engine.processes.kill(row, { reason: `killed by ${actor.id}`, graceMs: grace * 1_000, signal }),
      ),
    );
    const surviving = ended.filter(
      (row) => !isFinished(row.status) || engine.processes.leftovers(row).length > 0,
    );
    if (surviving.length > 0) {
      throw new Failure(
        'will_not_die',
        `Even SIGKILL did not end ${surviving.map(({ id, pid }) => `${id} (PID ${pid})`).join(', ')}.`,
        'It is stuck in the kernel, as on a dead network disk; see: ps -o pid,stat,wchan -p PID',
      );
    }
    return { processes: ended.map(describeProcess) };
  },
});

/** Whoever kills a bot that waits for its next start wants that it does not come. */
async function giveUpRestart({ bots, processes }: Engine, name: string): Promise<boolean> {
  if (!bots.has(name)) return giveUpForgotten(processes, name);
  const { desired, pid } = await bots.status(name);
  if (desired !== 'running' || pid !== null || !bots.unwant(name)) return false;
  // A swarm that waits with it has to be told.
  if (processes.engineNote(name)?.isThere) await processes.retire('swarm', name);
  return true;
}

/** One that left the configuration while a swarm was about to start it again. */
async function giveUpForgotten(processes: Engine['processes'], name: string): Promise<boolean> {
  const isKept = processes.engineNote(name)?.isThere === true;
  const run = processes.registry.lastRun(name);
  if (!isKept || (run && !isFinished(run.status))) return false;
  await processes.retire('swarm', name);
  return true;
}

function targets(engine: Engine, process: string | undefined, agent: string | undefined): ProcessRow[] {
  const { processes } = engine;
  if ((process === undefined) === (agent === undefined)) {
    throw new Failure(
      'usage',
      'Name either a process or an agent.',
      'For example: understudy kill worker, or understudy kill --agent planner',
    );
  }
  if (process !== undefined) {
    const row = processes.settle(processes.resolve(process));
    return [processes.leftovers(row).length > 0 ? row : requireRunning(row)];
  }
  processes.settleAll();
  return processes.ofAgent(agent ?? '');
}
