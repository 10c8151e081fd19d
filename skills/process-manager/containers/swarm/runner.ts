// A Docker swarm as a runner. The swarm places a bot, starts it again, moves it to another node and takes an update back; here
// is only noted what it does, so that every task it runs is a run like any other, with its log, its hooks and its exit code.

import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../../tool.ts';
import { type EngineRunner, isFinished, type ProcessRow } from '../../processes/index.ts';
import { attend } from '../attendance.ts';
import { asFailure } from '../client.ts';
import { imageFor } from '../image/image.ts';
import { followOutput } from '../output/bring.ts';
import { forgetSecrets } from '../secrets.ts';
import type { Surroundings } from '../surroundings.ts';
import { deploy } from './deploy.ts';
import { look } from './look.ts';
import { changeService, removeService } from './service.ts';
import { endedSpec, isEnded } from './spec.ts';
import { taskLog } from './tasks.ts';
import { usageHere } from './usage.ts';

const lookMs = 1_000;
const pollMs = 300;
/** A task has its own time to end; the swarm and the output of its last moment take some more. */
const endPatienceMs = 60_000;

/** The runner of a swarm, spoken to through one of its managers. */
export function createSwarmRunner(surroundings: Surroundings): EngineRunner {
  const { registry, client } = surroundings;
  const rows = () => registry.unfinished().filter(({ runner }) => runner === 'swarm');
  const inspect = () => look(surroundings);
  return {
    spawn: (options) => deploy(surroundings, options),
    prepare: async (options) => void (await imageFor(surroundings, options)),
    kill: (row, { reason }) => end(surroundings, row, reason),
    pause: (row) => {
      throw cannot(row, 'paused', `Stop it instead: understudy stop ${row.name}`);
    },
    resume: (row) => {
      throw cannot(row, 'resumed', `It was never paused; see: understudy status ${row.name}`);
    },
    send: async (row) => {
      throw cannot(
        row,
        'sent anything',
        'A task of a swarm has no input. Where a bot needs one, run it with "runner": "docker" or "local".',
      );
    },
    inspect,
    usage: (asked) => usageHere(surroundings, asked),
    attend: (onChange, onTrouble) =>
      attend({
        rows,
        follow: (row, signal, onOutput) =>
          surroundings
            .following(row.id, () => followOutput(taskLog(surroundings, row), signal, onOutput))
            .catch((error) => {
              // The swarm itself answers: the next look says what has become of the node.
              if (!isNodeAway(error)) throw error;
            }),
        inspect,
        lookMs,
        onChange,
        onTrouble,
      }),
    retire: async (bot) => {
      await removeService(surroundings, bot);
      surroundings.notes.noteGone(bot);
      await forgetSecrets(client, surroundings.instance, bot, []);
    },
    problem: async () => {
      try {
        await client.docker.swarmInspect();
        return undefined;
      } catch (error) {
        return asFailure(error, client, 'Bots with "runner": "swarm" cannot be run');
      }
    },
  };
}

/** True where a log is missing because its node cannot be reached. */
function isNodeAway(error: unknown): boolean {
  return error instanceof Error && /incomplete log stream|node \S+ is not available/.test(error.message);
}

/** Ends a bot in the swarm: the engine asks its program, waits, and forces it. */
async function end(surroundings: Surroundings, row: ProcessRow, reason: string): Promise<ProcessRow> {
  const { registry, client, instance, notes } = surroundings;
  const bot = row.bot ?? row.name;
  const fresh = () => registry.find(row.id) ?? row;
  registry.requestStop(row.id, reason);
  const isThere = await changeService(surroundings, bot, ({ spec }) =>
    isEnded(spec) ? spec : endedSpec(spec),
  );
  notes.note(bot, { isActive: false, isThere: true, text: null });
  const deadline = performance.now() + endPatienceMs;
  while (isThere && !isFinished(fresh().status) && performance.now() < deadline) {
    await look(surroundings, bot);
    if (!isFinished(fresh().status)) await sleep(pollMs);
  }
  if (!isThere) await look(surroundings, bot);
  if (isFinished(fresh().status)) {
    await removeService(surroundings, bot);
    notes.noteGone(bot);
    await forgetSecrets(client, instance, bot, []).catch(() => {});
  }
  return fresh();
}

function cannot({ name }: ProcessRow, what: string, hint: string): Failure {
  return new Failure('not_on_swarm', `'${name}' runs in a Docker swarm, where nothing can be ${what}.`, hint);
}
