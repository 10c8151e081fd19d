// The contract between a host (the bot, or any other program) and a skill. Types and zod, nothing else:
// a skill that keeps to this file can be moved to another host, and a host can load skills it has never seen.

import type { Database } from 'better-sqlite3';
import type { z } from 'zod';

/** What an actor must be allowed to do before a tool runs for them. */
export type Permission = 'read' | 'operate' | 'deploy';

/** What the owner's policy says of one call: run it, ask the person first, or refuse it. */
export type Decision = 'allow' | 'ask' | 'deny';

/** The way in by which a call arrived. */
export type Surface = 'cli' | 'discord' | 'llm' | 'mcp' | 'page' | 'system';

/** Who asks. An LLM's call carries the rights of the person whose message it serves, never more. */
export interface Actor {
  /** Stable and unique, such as `cli:root` or `discord:1234`; confirmations are bound to it. */
  readonly id: string;
  /** What people read in the history. */
  readonly name: string;
  readonly surface: Surface;
  readonly rights: readonly Permission[];
}

/** The time, handed in so that tests can turn it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}

/** The four levels of pino that skills use. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A question for the person behind a call: exactly this tool, with exactly this input, once, until it expires. */
export interface Confirmation {
  readonly id: string;
  readonly actor: Actor;
  readonly tool: string;
  readonly input: unknown;
  /** One sentence that a person can say yes or no to. */
  readonly question: string;
  /** Milliseconds since 1970; afterwards the answer is no. */
  readonly expiresAt: number;
}

/** A step of long work, for whoever waits. */
export interface Progress {
  readonly message: string;
  /** How much is done, from 0 to 1, where that is known. */
  readonly fraction?: number;
}

/** The branch of the agent's work that a call belongs to. */
export interface BranchReference {
  readonly id: string;
  /** How many hooks, one after the other, led to it; 0 for what a person began. */
  readonly depth: number;
}

/** What a handler may use of the outside. `engine` is what the skill's `open` returned. */
export interface ToolContext<Engine> {
  readonly actor: Actor;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly engine: Engine;
  /** What the owner's policy says of this call: `allow`, or `ask` where the person was asked or need not be. */
  readonly decision: Decision;
  /** Aborted when the caller no longer waits. */
  readonly signal: AbortSignal;
  /** The channel that asked; what happens later is told there. */
  readonly channel?: string;
  /** Set for what the agent does; what a process tells later is told to that branch. */
  readonly branch?: BranchReference;
  /**
   * Set where the caller comes to rest when the rest of the work replaces this very process, and is woken by what
   * happens to the subject: `release:NAME`, `rollback` or `restart`. The handler then says so, and returns without
   * waiting. It counts only where the call ends well: one that fails has asked nobody to replace anything.
   */
  readonly handOver?: (subject: string) => void;
  /** Runs another tool for the same person, by the same rules. */
  call(name: string, input: unknown): Promise<Record<string, unknown>>;
  /** Asks the person; false when they refuse, do not answer in time, or cannot be asked. */
  confirm(question: string): Promise<boolean>;
  /** Tells the person something that is not the result. */
  notify(message: string): void;
  progress(step: Progress): void;
}

/** Rows under headings. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** How a result looks to a person: every surface draws it in its own way. */
export interface View {
  readonly heading?: string;
  readonly table?: Table;
  /** Several tables, one below the other. */
  readonly tables?: readonly Table[];
  readonly text?: string;
  readonly notes?: readonly string[];
}

/** A command line that shows a tool in use. */
export interface Example {
  readonly command: string;
  readonly explains: string;
}

/** What a tool promises: true of it whatever its input. */
export interface Annotations {
  readonly readOnly: boolean;
  /** It may end or replace something that cannot be had back at once. */
  readonly destructive: boolean;
  /** Calling it twice leaves what calling it once leaves. */
  readonly idempotent: boolean;
}

/** The description of a tool, as its author writes it. `defineTool` in dispatch.ts seals the handler away. */
export interface ToolSpec<Engine, Input extends z.ZodObject, Output extends z.ZodObject> {
  /** A verb, in snake case; the LLM sees it with the skill's prefix. */
  readonly name: string;
  /** Other names for the same tool. */
  readonly aliases?: readonly string[];
  readonly title: string;
  readonly description: string;
  /** The root is an object without unions; every field is described, for the model reads it. */
  readonly input: Input;
  readonly output: Output;
  readonly annotations: Annotations;
  readonly permission: Permission;
  /** Input fields that the command line takes by position, in order. */
  readonly positionals?: readonly (keyof z.infer<Input> & string)[];
  readonly examples?: readonly Example[];
  /** Works on an instance whose configuration or database is broken, because it says what is broken. */
  readonly worksWhenBroken?: boolean;
  /** What the policy says when the owner's says nothing. */
  readonly decide?: (input: z.infer<Input>) => Decision;
  /** True of a call that only shows what would happen: nobody is asked to confirm it. */
  readonly isPreview?: (input: z.infer<Input>) => boolean;
  /** The action in the history, where the name says something else there. */
  readonly recordedAs?: string;
  /** What the call is about, for history and for policy patterns: `run:npm *` matches the command. */
  readonly subject?: (input: z.infer<Input>) => string;
  readonly present?: (output: z.infer<Output>) => View;
  /** True of a result that is a bad answer although the call itself worked; shells get exit code 1. */
  readonly isFailure?: (output: z.infer<Output>) => boolean;
  readonly handler: (context: ToolContext<Engine>, input: z.infer<Input>) => Promise<z.input<Output>>;
}

/** A tool as everybody else sees it: all of the description, and no way to call the handler. */
export type Tool = Readonly<
  Omit<
    ToolSpec<never, z.ZodObject, z.ZodObject>,
    'handler' | 'decide' | 'isPreview' | 'subject' | 'present' | 'isFailure'
  >
> & {
  readonly decide: (input: unknown) => Decision;
  readonly isPreview: (input: unknown) => boolean;
  readonly subject: (input: unknown) => string;
  readonly present?: (output: unknown) => View;
  readonly isFailure: (output: unknown) => boolean;
};

/** One step of the database's shape. Steps only add, so that the release before can still read the file. */
export interface Migration {
  /** Unique and never changed, such as `process-manager/1-processes`. */
  readonly name: string;
  readonly sql: string;
  /** True when older code cannot work with the result; it then refuses the file instead of damaging it. */
  readonly breaking?: boolean;
}

/** A finding of `doctor`. */
export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'problem';
  readonly message: string;
  readonly hint?: string;
}

/** One line of the history. */
export interface HistoryEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  /** `started` while it runs, and for ever where a kill cut it off. */
  readonly outcome: 'started' | 'ok' | 'failed' | 'refused';
  readonly detail: string;
}

/** What is asked of the history. */
export interface HistoryQuery {
  readonly limit: number;
  readonly action?: string | undefined;
  readonly actor?: string | undefined;
}

/** The audit trail. An intent is written before the act, and its outcome after it. */
export interface History {
  begin(entry: Omit<HistoryEntry, 'at' | 'outcome' | 'detail'> & { readonly isRead: boolean }): number;
  finish(id: number, outcome: Exclude<HistoryEntry['outcome'], 'started'>, detail: string): void;
  /** Newest first. */
  recent(query: HistoryQuery): HistoryEntry[];
}

/** What a surface can do for the person behind a call. All of it is optional: a pipe cannot be asked. */
export interface Caller {
  readonly confirm?: (confirmation: Confirmation) => Promise<boolean>;
  readonly notify?: (message: string) => void;
  readonly progress?: (step: Progress) => void;
  readonly signal?: AbortSignal;
  /** The channel that the answer is read in. */
  readonly channel?: string;
  readonly branch?: BranchReference;
  readonly handOver?: (subject: string) => void;
  /** True of a look that the surface takes again and again by itself: one that goes well leaves no row in the history. */
  readonly isRepeated?: boolean;
}

/** Runs tools. The input is whatever came from outside; the output has been held against the tool's schema. */
export interface Dispatcher {
  call(actor: Actor, name: string, input: unknown, caller?: Caller): Promise<Record<string, unknown>>;
}

/** A small question for a cheap model. */
export interface Thought {
  readonly instructions: string;
  /** What it is about. It is data: whatever it asks for is not done. */
  readonly text: string;
  readonly signal: AbortSignal;
}

/** One thread of the agent's work, as people are shown it. */
export interface BranchSummary extends BranchReference {
  readonly title: string;
  readonly status: string;
  /** What it waits for; null when it does not. */
  readonly waitsFor: string | null;
  readonly steps: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null where no price is known. */
  readonly costUsd: number | null;
  /** ISO 8601. */
  readonly activeAt: string;
}

/** What a host gives to a skill. */
export interface Host<Settings> {
  /** The instance root: the folder that holds config.json. */
  readonly root: string;
  readonly role: 'live' | 'staging';
  /** The folder that agents' commands are confined to; the root unless the owner chose another. */
  readonly workspace?: string;
  /** Values that must not leave the machine, such as tokens. */
  readonly secrets: readonly string[];
  /** Already validated by the host, with the skill's own schema. */
  readonly settings: Settings;
  /** The settings as the owner's files say now; a Failure when they cannot be used. */
  readSettings(): Settings;
  /** The files that they come from. */
  readonly settingsFiles: readonly string[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly history: History;
  /** Opens the instance's database on the first call. */
  database(): Database;
  /** Asks a cheap model; left out where there is none. */
  readonly think?: (thought: Thought) => Promise<string>;
  /** The agent's branches that are not over; left out where there is no agent. */
  readonly branches?: () => readonly BranchSummary[];
  /** What the host knows to be wrong with the instance: configuration, tokens, skills that did not load. */
  diagnose(): Promise<Finding[]>;
}

/** Something that a skill tells the agent, or asks of it. */
export interface AgentMessage {
  /** Unique: a message that comes twice counts once. */
  readonly key: string;
  /** Data for the model, such as lines of a log. */
  readonly text: string;
  /** The branch that it is for, or that it comes from; undefined where no branch began it. */
  readonly branch?: string;
  /** How deep the branch is that this spawns. */
  readonly depth: number;
  /** Whose rights a spawned branch has. */
  readonly creator: Actor;
}

/** The agent, as skills see it. Each call returns when it is kept, and never waits for the model. */
export interface AgentSeam {
  /** Shows the message to its branch, which goes on with it; says no when there is no such branch. */
  inject(message: AgentMessage): boolean;
  /** Begins a branch with the message; says no while as many as may are at work, and it has to be tried again. */
  spawn(message: AgentMessage): boolean;
  /** Ends the branch of the message; says no when there is no such branch. */
  stop(message: AgentMessage): boolean;
}

/** What a bot that stays up offers to the skills that it starts. */
export interface Bot {
  /** Tells the people who look after the bot, in the given channel or where such things belong. */
  notify(notice: { readonly text: string; readonly channel?: string }): void;
  /** Shows a line that something printed, to whoever looks at all of it; left out where nobody does. */
  readonly print?: (line: { source: string; color?: string | undefined; text: string }) => void;
  /** Left out where no agent is at work. */
  readonly agent?: AgentSeam;
  /** For requests that reach a skill by a way of its own, such as a file: they too go through the dispatcher. */
  readonly dispatcher: Dispatcher;
}

/** What a skill does all the time. */
export interface Running {
  /** True while it is this host, and no other, that does the work. */
  readonly isInCharge?: boolean;
  /** Ends the work; what runs on this machine runs on. */
  stop(): void;
  /** Ends the work and what was started, so that the next host starts it again; aborted, it is quick about it. */
  stopAll?(tell: (message: string) => void, signal: AbortSignal): Promise<void>;
}

/** What a skill's index.ts exports as `default`. */
export interface Skill<Settings = never, Engine = unknown> {
  readonly name: string;
  readonly description: string;
  /** Put before a tool's name for the LLM: `process` makes `process_list`. */
  readonly prefix: string;
  /** False when a bot with BOT_ROLE=staging may call none of its tools. */
  readonly allowedInStaging: boolean;
  readonly migrations: readonly Migration[];
  readonly tools: readonly Tool[];
  /** Called once, before the first tool runs; cheap, since the command line waits for it. */
  open(host: Host<Settings>): Engine;
  /** What the agent should know at each of its turns, in a few lines; empty when there is nothing to say. */
  briefing?(engine: Engine): string | Promise<string>;
  /** What the skill does all the time, in a bot that stays up; ends when it is stopped. */
  start?(engine: Engine, bot: Bot): Running;
}

// It is recognised by its shape, so that a copy of this file in another package is understood too.
/** An expected failure: a stable code, what happened, and what to do next. Any other error is a fault of ours. */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
    this.hint = hint;
  }
}

/** True for a Failure of any copy of this file. */
export function isFailure(error: unknown): error is Failure {
  return (
    error instanceof Error &&
    error.name === 'Failure' &&
    'code' in error &&
    typeof error.code === 'string' &&
    'hint' in error &&
    typeof error.hint === 'string'
  );
}
