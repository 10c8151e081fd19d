// Medians, ratios and how they are written; and the alternation that makes them comparable on a noisy machine.

/** Something that is measured side by side with others. */
export interface Contender {
  readonly name: string;
  /** One measurement. */
  measure(): Promise<number>;
  /** In how many rounds it takes part; all of them unless it is slow. */
  readonly rounds?: number;
}

/** Measures in turns, so that whatever else the machine does hits everybody; the values by name. */
export async function alternate(
  rounds: number,
  contenders: readonly Contender[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const values = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      // Whoever is first changes from round to round.
      const contender = contenders[(round + turn) % contenders.length];
      if (!contender || round >= (contender.rounds ?? rounds)) continue;
      values.get(contender.name)?.push(await contender.measure());
    }
  }
  return values;
}

/** The middle of the values. */
export function median(values: readonly number[] | undefined): number {
  const sorted = [...(values ?? [])].sort((first, second) => first - second);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What two that were measured in turns have to do with each other, round by round. */
export function ratiosOf(
  first: readonly number[] | undefined,
  second: readonly number[] | undefined,
): readonly number[] {
  return (first ?? []).map((value, index) => value / (second?.[index] ?? Number.NaN));
}

/** How far the rounds agree; says whether a difference means anything. */
export function spread(ratios: readonly number[]): string {
  const sorted = [...ratios].sort((first, second) => first - second);
  const at = (part: number) => times(sorted[Math.round(part * (sorted.length - 1))] ?? Number.NaN);
  return `Half of its ${sorted.length} rounds lie between ${at(0.25)} and ${at(0.75)}.`;
}

/** `1.04 ×` */
export function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}

/** Milliseconds as people read them. */
export function duration(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return ms >= 100 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}

/** Bytes as MB. */
export function megabytes(bytes: number): string {
  const value = bytes / 1024 ** 2;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(2)} MB`;
}
