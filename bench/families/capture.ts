// How much capturing the output of a program slows the program down: the time that it takes to write 2,000,000 lines of
// 100 bytes, in large blocks and with a flush for each line. Ours is trimmed meanwhile by a supervisor in another
// process; s6-log and supervisord rotate at the same size; pm2 lets its log grow.

import { join } from 'node:path';
import type { Manager } from '../managers/manager.ts';
import { startOurs } from '../managers/ours.ts';
import { startPlain } from '../managers/plain.ts';
import type { Family, Row, Surroundings } from '../report.ts';
import { alternate, duration, median, ratiosOf, spread, times } from '../support/numbers.ts';
import type { Mode, Writer } from '../support/writer.ts';

const aim = 1.05;

/** What is written, and by whom it is measured; the slow ones take part in fewer rounds. */
interface Load {
  readonly name: string;
  readonly what: string;
  readonly mode: Mode;
  readonly lines: number;
  readonly rounds: number;
  readonly slowRounds: number;
}

const loads: readonly Load[] = [
  { name: 'block', what: 'block writes', mode: 'block', lines: 2_000_000, rounds: 21, slowRounds: 3 },
  { name: 'line', what: 'a flush per line', mode: 'line', lines: 2_000_000, rounds: 15, slowRounds: 3 },
  // Long enough to be trimmed several times. The peers would only take longer for the same figure as above.
  { name: 'long', what: 'a flush per line', mode: 'line', lines: 10_000_000, rounds: 5, slowRounds: 0 },
];

/** Wall time of the writer. */
export const capture: Family = {
  name: 'capture',
  measure: async (surroundings) => {
    const { bench, peers } = surroundings;
    const ours = startOurs(bench);
    const managers = new Map<string, Manager>([
      ['plain', startPlain(bench)],
      ['ours', ours],
    ]);
    for (const peer of peers) {
      // It writes its logs as s6 does, and one of them is enough.
      if (peer.name !== 'runit') managers.set(peer.name, await peer.start(bench));
    }
    await ours.supervise();
    const rows: Row[] = [];
    for (const load of loads) rows.push(await measureLoad(surroundings, managers, load));
    for (const manager of managers.values()) await manager.end();
    return rows;
  },
};

async function measureLoad(
  { bench, writer }: Surroundings,
  managers: ReadonlyMap<string, Manager>,
  load: Load,
): Promise<Row> {
  const folder = bench.makeFolder('capture');
  const contenders = [...managers].map(([name, manager]) => ({
    name,
    measure: prepare(writer, manager, `${name}-${load.name}`, load, folder),
    rounds: name === 'plain' || name === 'ours' ? load.rounds : load.slowRounds,
  }));
  const values = await alternate(load.rounds, contenders);
  const ratios = ratiosOf(values.get('ours'), values.get('plain'));
  const ratio = median(ratios);
  return {
    what: `writer of ${load.lines.toLocaleString('en')} lines of 100 bytes, ${load.what}`,
    ours: describe(load, values.get('ours')),
    peers: [...values]
      .filter(([name, measured]) => name !== 'ours' && measured.length > 0)
      .map(([name, measured]) => `${name === 'plain' ? '`> file`' : name} ${describe(load, measured)}`),
    result: `${times(ratio)} of \`> file\``,
    aim: `≤ ${times(aim)}`,
    holds: ratio <= aim,
    why: `${spread(ratios)} The writer has the same kind of file in both; what it may wait for is the trimming once a second, and whatever else the machine does.`,
  };
}

/** Defines the program on its first measurement. */
function prepare(
  writer: Writer,
  manager: Manager,
  name: string,
  { mode, lines }: Load,
  folder: string,
): () => Promise<number> {
  let isDefined = false;
  return async () => {
    const { argv, took } = writer.job(mode, lines, join(folder, `${name}.took`));
    if (!isDefined) await manager.define({ name, argv });
    isDefined = true;
    await manager.up(name);
    const ms = await took();
    await manager.down(name);
    return ms;
  };
}

function describe({ lines }: Load, values: readonly number[] | undefined): string {
  const ms = median(values);
  return `${duration(ms)} (${(lines / ms / 1_000).toFixed(2)} M lines/s)`;
}
