// How a process looks from outside: the element of `list`, and what `run` and `status` answer with.

import { z } from 'zod';
import { type ProcessRow, processStates, runnerNames } from '../processes/index.ts';

/** The JSON of a process; scripts rely on these keys. */
export const processShape = z.object({
  id: z.string(),
  name: z.string(),
  pid: z.number().nullable(),
  command: z.string(),
  status: z.enum(processStates),
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  agent: z.string().nullable(),
  type: z.enum(['background', 'concurrent']),
  directory: z.string(),
  stopReason: z.string().nullable(),
  peakMemoryBytes: z.number().nullable(),
  /** The branch of the agent's work that started it. */
  branch: z.string().optional(),
  /** Why it runs. */
  context: z.string().optional(),
  /** Of what an engine carries: which, on which node, and what there is to be said of it. */
  runner: z.enum(runnerNames).optional(),
  node: z.string().optional(),
  note: z.string().optional(),
});

/** A row of the registry as outsiders see it. */
export function describeProcess(row: ProcessRow): z.infer<typeof processShape> {
  const { id, name, pid, command, status, exitCode, signal, startedAt, endedAt, agent, type } = row;
  const { directory, stopReason, peakMemoryBytes, branch, context } = row;
  return {
    id,
    name,
    pid,
    command,
    status,
    exitCode,
    signal,
    startedAt,
    endedAt,
    agent,
    type,
    directory,
    stopReason,
    peakMemoryBytes,
    ...(branch === null ? {} : { branch }),
    ...(context === null ? {} : { context }),
    ...(row.runner === 'local' ? {} : { runner: row.runner }),
    ...(row.node === null ? {} : { node: row.node }),
    ...(row.note === null ? {} : { note: row.note }),
  };
}

/** The status in words, such as `exited 143 (SIGTERM)`. */
export function statusInWords({
  status,
  exitCode,
  signal,
}: Pick<ProcessRow, 'status' | 'exitCode' | 'signal'>): string {
  const code = exitCode === null || status === 'killed' ? '' : ` ${exitCode}`;
  return `${status}${code}${signal === null ? '' : ` (${signal})`}`;
}
