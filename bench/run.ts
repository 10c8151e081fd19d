// `npm run bench`: measures what users feel, side by side with a peer in the same run, because machines are noisy.
// Each row is alternated with its peer; the table shows medians and the ratio, and is written to bench/results.md.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  readonly result: string;
  readonly aim: string;
  readonly holds: boolean;
}

const codeRoot = join(import.meta.dirname, '..');

const rows = [measureCommandLineStart()];
const table = [
  '| What | Ours | Peer | Result | Aim | Holds |',
  '|---|---|---|---|---|---|',
  ...rows.map(
    ({ what, ours, peer, result, aim, holds }) =>
      `| ${what} | ${ours} | ${peer} | ${result} | ${aim} | ${holds ? 'yes' : '**no**'} |`,
  ),
].join('\n');
const cpu = cpus();
const page = `# Measurements

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Node ${process.version}, ${process.platform} ${process.arch}, ${cpu.length} × ${cpu[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 1024 ** 3)} GiB.

${table}
`;
writeFileSync(join(codeRoot, 'bench/results.md'), page);
process.stdout.write(page);

/** A list on an empty instance, against a Node that does nothing. */
function measureCommandLineStart(): Row {
  const root = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  try {
    writeFileSync(join(root, 'config.json'), '{}');
    const ours = () => timeOf(['src/cli/understudy.js', '--root', root, 'list']);
    const peer = () => timeOf(['-e', '0']);
    ours();
    const pairs = Array.from({ length: 21 }, () => [ours(), peer()] as const);
    const mine = median(pairs.map(([time]) => time));
    const theirs = median(pairs.map(([, time]) => time));
    return {
      what: 'start of the command line: `understudy list`',
      ours: `${mine.toFixed(0)} ms`,
      peer: `${theirs.toFixed(0)} ms (\`node -e 0\`)`,
      result: `${(mine - theirs).toFixed(0)} ms more, ${(mine / theirs).toFixed(1)} ×`,
      aim: 'under 300 ms more',
      holds: mine - theirs < 300,
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function timeOf(words: readonly string[]): number {
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, words, { cwd: codeRoot, stdio: 'ignore' });
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}`);
  return performance.now() - startedAt;
}

function median(values: readonly number[]): number {
  return [...values].sort((first, second) => first - second)[Math.floor(values.length / 2)] ?? Number.NaN;
}
