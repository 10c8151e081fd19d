// The table of results, and the page that keeps it.

import type { Peer } from './managers/manager.ts';
import type { Bench } from './support/bench.ts';
import type { Writer } from './support/writer.ts';

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  /** Everybody else, each with their name. */
  readonly peers: readonly string[];
  readonly result: string;
  readonly aim: string;
  /** Undefined where nothing is aimed at. */
  readonly holds?: boolean;
  /** Why an aim is missed, as far as it is known; with figures of this run. */
  readonly why?: string;
}

/** What a family may use. */
export interface Surroundings {
  readonly bench: Bench;
  readonly peers: readonly Peer[];
  readonly writer: Writer;
}

/** A family of rows: one file. */
export interface Family {
  readonly name: string;
  measure(surroundings: Surroundings): Promise<Row[]>;
}

/** The table in Markdown. */
function tableOf(rows: readonly Row[]): string {
  return [
    '| What | Ours | Peers | Result | Aim | Holds |',
    '|---|---|---|---|---|---|',
    ...rows.map(({ what, ours, peers, result, aim, holds }) => {
      const verdict = holds === undefined ? '' : holds ? 'yes' : '**no**';
      return `| ${[what, ours, peers.join('<br>'), result, aim, verdict].join(' | ')} |`;
    }),
  ].join('\n');
}

/** The whole page. */
export function pageOf(options: {
  readonly rows: readonly Row[];
  readonly failures: readonly string[];
  readonly machine: string;
  readonly notes: readonly string[];
}): string {
  const { rows, failures, machine, notes } = options;
  const missed = rows.filter(({ holds }) => holds === false);
  const sections = [
    `# Measurements\n\nWritten by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Node ${process.version}; ${machine}.`,
    tableOf(rows),
    missed.length === 0
      ? 'Every aim holds.'
      : `## Missed aims\n\n${missed.map((row) => `- ${row.what}: ${row.result}; the aim is ${row.aim}. ${row.why ?? 'Why is not known yet.'}`).join('\n')}`,
    failures.length === 0 ? '' : `## Not measured\n\n${failures.map((text) => `- ${text}`).join('\n')}`,
    `## How\n\n${notes.map((text) => `- ${text}`).join('\n')}`,
  ];
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
}
