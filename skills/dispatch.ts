// The one way to run a tool. `defineTool` seals a handler into a map that this file does not export, and only
// `createDispatcher` opens it, always in the same order: role guard, right of the actor, policy, validation,
// history row, handler, outcome. No surface can go round it, because there is nothing else to call.

import { z } from 'zod';
import { ask } from './confirm.ts';
import { maskCaller, maskDeep, maskFailure } from './masking.ts';
import { decide, type PolicyRules } from './policy.ts';
import {
  type Actor,
  type Caller,
  type Clock,
  type Decision,
  type Dispatcher,
  Failure,
  type History,
  isFailure,
  type Logger,
  type Tool,
  type ToolContext,
  type ToolSpec,
} from './tool.ts';

const detailLength = 2_000;
/** A tool that calls a tool that calls a tool: beyond this one it is a circle. */
const deepestCall = 8;

type Handler = (context: ToolContext<unknown>, input: unknown) => Promise<unknown>;
const handlers = new WeakMap<Tool, Handler>();

/** Makes a tool of its description. From here on its handler runs through a dispatcher or not at all. */
export function defineTool<Engine, Input extends z.ZodObject, Output extends z.ZodObject>(
  spec: ToolSpec<Engine, Input, Output>,
): Tool {
  const { handler, decide: decision, isPreview, subject, isFailure: failed, ...description } = spec;
  const tool = Object.freeze({
    ...description,
    decide: decision ?? (() => 'allow'),
    isPreview: isPreview ?? (() => false),
    subject: subject ?? (() => ''),
    isFailure: failed ?? (() => false),
  }) as unknown as Tool;
  handlers.set(tool, handler as unknown as Handler);
  return tool;
}

/** A tool together with what the dispatcher must know of the skill that it came from. */
export interface CatalogueEntry {
  readonly tool: Tool;
  readonly skill: { readonly name: string; readonly prefix: string; readonly allowedInStaging: boolean };
  /** Opens the skill on the first call, and returns the same engine ever after. */
  engine(): unknown;
}

/** What the host decides for all calls of one instance. */
export interface DispatcherOptions {
  find(name: string): CatalogueEntry | undefined;
  readonly role: 'live' | 'staging';
  readonly policy: PolicyRules;
  readonly history: History;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Hides secrets in whatever leaves the machine. */
  mask(text: string): string;
}

/** A call that may run: its validated input, and what the policy said of it. */
interface Admitted {
  readonly input: Record<string, unknown>;
  readonly decision: Decision;
}

/** Makes the dispatcher of one instance. Only the wiring (src/instance.ts) calls this. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const callAt = async (depth: number, actor: Actor, name: string, input: unknown, asker: Caller) => {
    const entry = options.find(name);
    if (!entry) {
      throw new Failure('unknown_tool', `There is no tool named '${name}'.`, 'List them: understudy --help');
    }
    const parsed = entry.tool.input.safeParse(input ?? {});
    // A terminal stays on this machine; everything else goes to Discord, a model, another agent or a browser.
    const leaves = actor.surface !== 'cli' && actor.surface !== 'system';
    const caller = leaves ? maskCaller(options.mask, asker) : asker;
    const row = openRow(options, actor, entry.tool, parsed.success ? parsed.data : undefined);
    try {
      if (depth > deepestCall) throw tooDeep(entry.tool);
      const admitted = await admit(options, actor, entry, parsed, caller);
      row.beforeAct();
      const again = (other: string, data: unknown) => callAt(depth + 1, actor, other, data, asker);
      const output = await run(options, actor, entry, admitted, caller, again);
      const isRoutine = caller.isRepeated === true && entry.tool.permission === 'read';
      if (!isRoutine) row.close(entry.tool.isFailure(output) ? 'failed' : 'ok', '');
      return leaves ? (maskDeep(options.mask, output) as typeof output) : output;
    } catch (error) {
      const failure = isFailure(error) ? error : fault(options.logger, entry.tool.name, error);
      row.close(refusals.has(failure.code) ? 'refused' : 'failed', `${failure.code}: ${failure.message}`);
      throw leaves ? maskFailure(options.mask, failure) : failure;
    }
  };
  return { call: (actor, name, input, asker = {}) => callAt(0, actor, name, input, asker) };
}

function tooDeep(tool: Tool): Failure {
  return new Failure(
    'calls_too_deep',
    `'${tool.name}' was not run: ${deepestCall} tools already wait for one another, each called by the one before.`,
    'One of them calls itself by way of others; see who called whom: understudy history',
  );
}

const refusals = new Set([
  'staging_role',
  'not_permitted',
  'denied_by_policy',
  'not_confirmed',
  'invalid_input',
  'calls_too_deep',
]);

/** Everything that can stop a call before its handler. */
async function admit(
  options: DispatcherOptions,
  actor: Actor,
  { tool, skill }: CatalogueEntry,
  parsed: z.ZodSafeParseResult<Record<string, unknown>>,
  caller: Caller,
): Promise<Admitted> {
  if (options.role === 'staging' && !skill.allowedInStaging) {
    throw new Failure(
      'staging_role',
      `This is a staging bot (BOT_ROLE=staging), and a staging bot manages nothing, so '${tool.name}' was not run.`,
      'Ask the live bot, or run the command in the folder of the live instance.',
    );
  }
  if (!actor.rights.includes(tool.permission)) {
    throw new Failure(
      'not_permitted',
      `'${tool.name}' needs the right to ${tool.permission}, which ${actor.name} does not have.`,
      'Owners have every right: an owner can do it, or name you in DISCORD_OWNER_ID.',
    );
  }
  const names = [tool.name, ...(tool.aliases ?? [])];
  const decision = decide(
    options.policy,
    names,
    parsed.success ? tool.subject(parsed.data) : '',
    parsed.success ? tool.decide(parsed.data) : 'allow',
  );
  const isPreview = parsed.success && tool.isPreview(parsed.data);
  if (decision === 'deny' && !isPreview) {
    throw new Failure(
      'denied_by_policy',
      `The owner's policy denies '${tool.name}'.`,
      'The rule stands under "policy" in config.json.',
    );
  }
  if (!parsed.success) throw invalidInput(tool, parsed.error);
  // At the command line the typed command is its own confirmation.
  if (decision === 'ask' && actor.surface !== 'cli' && !isPreview) {
    const question = `${tool.title}${subjectOf(tool, parsed.data)}?`;
    if (!(await ask(options, caller, { actor, tool, input: parsed.data, question }))) {
      throw new Failure(
        'not_confirmed',
        `'${tool.name}' needs a confirmation, and there was none.`,
        'Ask again and confirm within two minutes, or run it at the command line.',
      );
    }
  }
  return { input: parsed.data, decision };
}

async function run(
  options: DispatcherOptions,
  actor: Actor,
  entry: CatalogueEntry,
  { input, decision }: Admitted,
  caller: Caller,
  call: ToolContext<unknown>['call'],
): Promise<Record<string, unknown>> {
  const { tool } = entry;
  const handler = handlers.get(tool);
  if (!handler) throw new Error(`'${tool.name}' was not made by defineTool`);
  const context: ToolContext<unknown> = {
    actor,
    engine: entry.engine(),
    decision,
    logger: options.logger,
    clock: options.clock,
    signal: caller.signal ?? new AbortController().signal,
    ...(caller.channel === undefined ? {} : { channel: caller.channel }),
    ...(caller.branch === undefined ? {} : { branch: caller.branch }),
    ...(caller.handOver === undefined ? {} : { handOver: caller.handOver }),
    call,
    confirm: (question) => ask(options, caller, { actor, tool, input, question }),
    notify: (message) => caller.notify?.(message),
    progress: (step) => caller.progress?.(step),
  };
  return tool.output.parse(await handler(context, input));
}

/**
 * The history row of one call. Whatever changes something is written down before it is done, so a kill in the
 * middle leaves a row that says `started`; when even that cannot be written, nothing is done. Reading stays
 * possible on a full disk.
 */
function openRow(options: DispatcherOptions, actor: Actor, tool: Tool, input: unknown) {
  const isRead = tool.permission === 'read';
  const entry = {
    actor: actor.id,
    action: tool.recordedAs ?? tool.name,
    subject: input === undefined ? '' : safeSubject(tool, input).slice(0, detailLength),
    isRead,
  };
  let id: number | undefined;
  const attempt = (write: () => void) => {
    try {
      write();
    } catch (error) {
      options.logger.warn({ error: String(error), action: tool.name }, 'the history could not be written');
    }
  };
  return {
    beforeAct() {
      if (!isRead) id = options.history.begin(entry);
    },
    close(outcome: 'ok' | 'failed' | 'refused', detail: string) {
      attempt(() => {
        id ??= options.history.begin(entry);
        options.history.finish(id, outcome, detail.slice(0, detailLength));
      });
    },
  };
}

/** A tool that cannot say what a call is about must not keep the call out of the history. */
function safeSubject(tool: Tool, input: unknown): string {
  try {
    return tool.subject(input);
  } catch {
    return '';
  }
}

function subjectOf(tool: Tool, input: unknown): string {
  const subject = tool.subject(input);
  return subject === '' ? '' : `: ${subject}`;
}

function invalidInput(tool: Tool, error: z.ZodError): Failure {
  const what = error.issues.map((issue) => {
    const field = issue.path.join('.');
    return field === '' ? issue.message : `${field}: ${issue.message}`;
  });
  const fields = Object.keys(tool.input.shape);
  return new Failure(
    'invalid_input',
    `'${tool.name}' was called with input it cannot use: ${what.join('; ')}.`,
    fields.length === 0 ? 'It takes no input.' : `Its fields are: ${fields.join(', ')}.`,
  );
}

/** What is no fault of ours and passes by itself, or with more space. */
function passingTrouble(tool: string, error: unknown): Failure | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return new Failure(
      'database_busy',
      `'${tool}' found the database held by another process.`,
      'Try again; if it stays, see who has it open: fuser -v memory/understudy.db',
      { cause: error },
    );
  }
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new Failure(
      'disk_full',
      `'${tool}' found no space left on the disk.`,
      'Free some space; see: df -h .',
      {
        cause: error,
      },
    );
  }
  return undefined;
}

/** An error that nobody foresaw: the stack goes to the log, and the person gets a sentence. */
function fault(logger: Logger, tool: string, error: unknown): Failure {
  const known = passingTrouble(tool, error);
  if (known) return known;
  const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
  logger.error({ tool, error: error instanceof Error ? error.stack : reason }, 'a tool failed unexpectedly');
  return new Failure(
    'internal',
    `'${tool}' failed: ${reason}`,
    'This is a fault of Understudy. Run `understudy doctor`, and report it with the output.',
    { cause: error },
  );
}
