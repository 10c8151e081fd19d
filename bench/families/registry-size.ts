// How the commands that people wait for grow with what the registry holds: rows of processes that run, and bots in the
// configuration. Ten thousand programs would measure the machine, so all rows name one that sleeps: each of them is
// looked after like any other. The peer is Node that does nothing, in turns, since machines are noisy.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeProcess } from '../../skills/process-manager/processes/index.ts';
import { type Ours, startOurs } from '../managers/ours.ts';
import type { Family, Row } from '../report.ts';
import type { Bench } from '../support/bench.ts';
import { alternate, duration, median, times } from '../support/numbers.ts';
import { timeOf } from './command-line.ts';

const sizes = [10, 100, 1_000, 10_000];
const rounds = 5;

/** `list`, `status` and `run` with many rows, and with many bots. */
export const registrySize: Family = {
  name: 'registry-size',
  measure: async ({ bench }) => {
    const rows: Row[] = [];
    for (const size of sizes) rows.push(await measureRows(bench, size));
    for (const size of sizes) rows.push(await measureBots(bench, size));
    return rows;
  },
};

async function measureRows(bench: Bench, size: number): Promise<Row> {
  const ours = startOurs(bench);
  await addRows(ours, size);
  const row = await measure(ours, `${size.toLocaleString('en')} running processes`, ['logs', 'row-1']);
  await ours.end();
  return row;
}

async function measureBots(bench: Bench, size: number): Promise<Row> {
  const ours = startOurs(bench);
  const names = Array.from({ length: size }, (_, index) => `bot-${index}`);
  const bots = Object.fromEntries(
    names.map((name) => [name, { directory: '.', command: ['sleep', '1000'] }]),
  );
  writeFileSync(join(ours.root, 'config.json'), JSON.stringify({ bots }));
  const row = await measure(ours, `${size.toLocaleString('en')} bots in config.json`, ['status', 'bot-1']);
  await ours.end();
  return row;
}

/** Rows of one program that sleeps, under as many names. */
async function addRows({ engine, root, spawn }: Ours, size: number): Promise<void> {
  const { pid, pidStart, shimPid, shimStart } = await spawn(['sleep', '1000']);
  if (pid === null || pidStart === null || shimPid === null || shimStart === null) {
    throw new Error('the program has no identity');
  }
  const { registry } = engine.processes;
  registry.together(() => {
    for (let index = 1; index < size; index++) {
      const described = describeProcess(
        join(root, 'logs', 'processes'),
        {
          argv: [],
          command: 'sleep 1000',
          name: `row-${index}`,
          directory: root,
          environment: {},
          type: 'background',
          agent: undefined,
          takesInput: false,
        },
        Date.now(),
      );
      registry.insert({ ...described, runner: 'local', handle: null, node: null, note: null });
      const identity = {
        command: { pid, start: pidStart },
        shim: { pid: shimPid, start: shimStart },
      };
      registry.identify(described.id, identity);
    }
  });
}

/** The commands in turns; `one` is what asks for a single thing. */
async function measure({ root }: Ours, what: string, one: readonly string[]): Promise<Row> {
  const command = (...words: string[]) => ['src/cli/understudy.js', '--root', root, ...words];
  const commands = [command('list'), command(...one), command('run', 'true')];
  // The first start translates the code, and what is new in the configuration is noted once.
  for (const words of commands) timeOf(words);
  const measured = await alternate(rounds, [
    ...commands.map((words, index) => ({ name: String(index), measure: async () => timeOf(words) })),
    { name: 'node', measure: async () => timeOf(['-e', '0']) },
  ]);
  const [list, single, run, node] = ['0', '1', '2', 'node'].map((name) => median(measured.get(name)));
  const against = (value = Number.NaN) => times(value / (node ?? Number.NaN));
  return {
    what: `command line with ${what}`,
    ours: `list ${duration(list ?? Number.NaN)}, ${one[0]} of one ${duration(single ?? Number.NaN)}, run ${duration(run ?? Number.NaN)}`,
    peers: [`\`node -e 0\` ${duration(node ?? Number.NaN)}`],
    result: `list ${against(list)}, ${one[0]} ${against(single)}, run ${against(run)}`,
    aim: '',
  };
}
