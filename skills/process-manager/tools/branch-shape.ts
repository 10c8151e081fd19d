// How a branch of the agent's work looks in a tool's output and in a table.

import { z } from 'zod';
import type { Table } from '../../tool.ts';
import { age } from './words.ts';

export const branchShape = z.object({
  id: z.string(),
  depth: z.number(),
  title: z.string(),
  status: z.string(),
  waitsFor: z.string().nullable(),
  steps: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costUsd: z.number().nullable(),
  activeAt: z.string(),
});

/** What the agent is working on, and what that has cost so far. */
export function branchTable(branches: readonly z.infer<typeof branchShape>[]): Table {
  return {
    columns: ['branch', 'status', 'active', 'steps', 'tokens', 'cost', 'about'],
    rows: branches.map((branch) => [
      branch.id,
      branch.waitsFor === null ? branch.status : `${branch.status} for ${branch.waitsFor.slice(0, 60)}`,
      age(branch.activeAt),
      String(branch.steps),
      `${branch.inputTokens} in, ${branch.outputTokens} out`,
      branch.costUsd === null ? '-' : `$${branch.costUsd.toFixed(branch.costUsd < 0.1 ? 4 : 2)}`,
      branch.title,
    ]),
  };
}
