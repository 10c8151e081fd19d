// What is kept of a process: one row for each run of a program, whoever carries it.

import type { ProcessState } from './states.ts';

/** Whether somebody waits for the process (concurrent) or it just has to run (background). */
export type ProcessType = 'background' | 'concurrent';

/** Who carries a process: this machine, or an engine. */
export const runnerNames = ['local', 'docker', 'swarm'] as const;
export type RunnerName = (typeof runnerNames)[number];

/** What is kept of a process. */
export interface ProcessRow {
  readonly id: string;
  readonly name: string;
  /** The PID of the command itself; null until it has one. */
  readonly pid: number | null;
  /** When the command started, as identity.ts writes it. */
  readonly pidStart: string | null;
  /** The shim that leads the session and the process group, and writes the exit status down. */
  readonly shimPid: number | null;
  readonly shimStart: string | null;
  /** What people read: the command string, or the words of the argv. */
  readonly command: string;
  readonly directory: string;
  readonly status: ProcessState;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why it was stopped, when somebody did. */
  readonly stopReason: string | null;
  /** Set before SIGKILL is sent, so that a killer that dies meanwhile leaves the truth behind. */
  readonly forced: 0 | 1;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly agent: string | null;
  readonly type: ProcessType;
  /** The folder that holds `exit`, and `stdin` where input was asked for. */
  readonly runFolder: string;
  readonly stdoutLog: string;
  readonly stderrLog: string;
  readonly branch: string | null;
  /** How many hooks deep the branch that started it was. */
  readonly hookDepth: number;
  /** What the model wanted to remember about it. */
  readonly context: string | null;
  readonly hookModel: string | null;
  readonly discordMessage: string | null;
  readonly peakMemoryBytes: number | null;
  /** The bot that this is a run of. */
  readonly bot: string | null;
  /** Logical offsets between which its logs hold what this process printed: runs of a bot share one log. */
  readonly logFrom: number;
  /** Null while nobody has printed after it. */
  readonly logUntil: number | null;
  readonly runner: RunnerName;
  /** What its engine calls it; null on this machine. */
  readonly handle: string | null;
  /** The node of a swarm that it runs on. */
  readonly node: string | null;
  /** What is worth saying about this run, such as why it is on another node than the one before. */
  readonly note: string | null;
}
