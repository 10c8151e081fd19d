// Start of the command line: a list on an empty instance, against a Node that does nothing.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../report.ts';
import { codeRoot } from '../support/bench.ts';
import { alternate, duration, median, times } from '../support/numbers.ts';

const rounds = 21;
const aimMs = 300;

/** `understudy list`. */
export const commandLine: Family = {
  name: 'command-line',
  measure: async ({ bench }) => {
    const root = bench.makeFolder('command-line');
    writeFileSync(join(root, 'config.json'), '{}');
    const list = ['src/cli/understudy.js', '--root', root, 'list'];
    // The first start translates the code; what follows takes it from the cache.
    timeOf(list);
    const values = await alternate(rounds, [
      { name: 'ours', measure: async () => timeOf(list) },
      { name: 'node', measure: async () => timeOf(['-e', '0']) },
    ]);
    const [ours, node] = [median(values.get('ours')), median(values.get('node'))];
    return [
      {
        what: 'start of the command line: `understudy list`',
        ours: duration(ours),
        peers: [`\`node -e 0\` ${duration(node)}`],
        result: `${duration(ours - node)} more, ${times(ours / node)}`,
        aim: `under ${aimMs} ms more`,
        holds: ours - node < aimMs,
      },
    ];
  },
};

/** Milliseconds that a run of Node takes. */
export function timeOf(words: readonly string[]): number {
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, words, { cwd: codeRoot, stdio: 'ignore' });
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}`);
  return performance.now() - startedAt;
}
