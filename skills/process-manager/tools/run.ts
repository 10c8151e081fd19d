import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { Failure, type ToolContext } from '../../tool.ts';
import { findDestructive } from '../blocklist/index.ts';
import { type Engine, nobodyWatches } from '../engine.ts';
import { lastText } from '../output/index.ts';
import { agentEnvironment, confine, isFinished, type ProcessRow } from '../processes/index.ts';
import { describeProcess, processShape, statusInWords } from './process-shape.ts';

const longestCommand = 100_000;
const shownCharacters = 50_000;
/** Whose processes those are that a branch of our own agent starts. */
const agentName = 'agent';

const input = z.strictObject({
  command: z.string().min(1).max(longestCommand).describe('What to run, as one would type it into bash'),
  name: z
    .string()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u, 'a name of letters, digits, space, ".", "_" and "-"')
    .optional()
    .describe('A name to call it by; its id otherwise'),
  cwd: z.string().min(1).optional().describe('Working directory, inside the workspace'),
  agent: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('Whose process it is; "agent" for what the agent of this bot runs'),
  context: z
    .string()
    .min(1)
    .max(1_000)
    .optional()
    .describe('Why it runs, for whoever comes back to it later; the agent sees it with what runs'),
  type: z
    .enum(['background', 'concurrent'])
    .default('background')
    .describe('concurrent: somebody works on meanwhile and wants its result; background: it just has to run'),
  timeout: z.number().positive().max(31_536_000).optional().describe('Stop it after this many seconds'),
  wait: z
    .number()
    .min(0)
    .max(3_600)
    .optional()
    .describe('Answer with exit code and output if it ends within this many seconds'),
  input: z.boolean().default(false).describe('Keep its standard input open for `send`'),
  dryRun: z.boolean().default(false).describe('Only say whether it would be run'),
});

/** `run`: starts a command that outlives whoever asked for it. */
export const run = defineTool({
  name: 'run',
  title: 'Run a command',
  description:
    'Starts a command in the background, detached: it outlives the bot, and its output, exit code and hooks are kept. Returns at once with its id, or, with wait, with exit code and output if it ends in time.',
  input,
  output: z.object({
    process: processShape.nullable(),
    output: z.object({ stdout: z.string(), stderr: z.string() }).optional(),
    verdict: z
      .object({
        allowed: z.boolean(),
        policy: z.enum(['allow', 'ask', 'deny']),
        blocked: z.object({ rule: z.string(), reason: z.string() }).optional(),
      })
      .optional(),
  }),
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'operate',
  positionals: ['command'],
  examples: [
    {
      command: 'run "npm test" --name tests --wait 60',
      explains: 'run it, and see the result if it is quick',
    },
    {
      command: 'run "python3 worker.py" --name worker --input',
      explains: 'let it run, with an input to send to',
    },
    { command: 'run "make clean" --dry-run', explains: 'would it be allowed?' },
  ],
  // Commands that the owner's policy does not know are shown to the person first.
  decide: () => 'ask',
  isPreview: ({ dryRun }) => dryRun,
  subject: ({ command }) => command,
  isFailure: ({ verdict }) => verdict?.allowed === false,
  present: ({ process, output, verdict }) => {
    if (verdict) return { text: describeVerdict(verdict) };
    if (!process) return { text: '' };
    const line = `${process.id}  ${statusInWords(process)}  PID ${process.pid}  ${process.command}`;
    const notes = output ? [output.stdout, output.stderr].filter((text) => text !== '') : [];
    return { text: line, notes: notes.map((text) => text.replace(/\n$/, '')) };
  },
  handler: async (context: ToolContext<Engine>, request) => {
    const { decision } = context;
    const blocked = findDestructive(request.command);
    if (request.dryRun) {
      const allowed = blocked === undefined && decision !== 'deny';
      return { process: null, verdict: { allowed, policy: decision, ...(blocked ? { blocked } : {}) } };
    }
    if (blocked) {
      throw new Failure(
        'blocked_command',
        `This command is not run: ${blocked.reason} (${blocked.rule}).`,
        'If it is really meant, run it yourself in a shell.',
      );
    }
    const row = await start(context, request);
    if (request.wait === undefined) return { process: describeProcess(row) };
    const ended = await waitForEnd(context, row, request.wait);
    if (!isFinished(ended.status)) return { process: describeProcess(ended) };
    return {
      process: describeProcess(ended),
      output: {
        stdout: lastText(ended.stdoutLog, shownCharacters),
        stderr: lastText(ended.stderrLog, shownCharacters),
      },
    };
  },
});

async function start(
  { engine, actor, branch, notify }: ToolContext<Engine>,
  request: z.infer<typeof input>,
): Promise<ProcessRow> {
  const directory = await confine(engine.workspace, request.cwd);
  const row = await engine.processes.spawn({
    argv: ['bash', '-c', request.command],
    command: request.command,
    name: request.name,
    directory,
    environment: agentEnvironment(process.env, engine.workspace, {}),
    type: request.type,
    agent: request.agent ?? (branch && agentName),
    takesInput: request.input,
    ...(branch && { branch: branch.id, hookDepth: branch.depth }),
    ...(request.context === undefined ? {} : { context: request.context }),
  });
  if (request.timeout !== undefined) {
    engine.hooks.add({
      processId: row.id,
      trigger: { type: 'on_timeout', seconds: request.timeout },
      action: 'stop_process',
      message: null,
      delaySeconds: 0,
      maxFires: 1,
      creator: actor,
      ...(branch && { branch: branch.id, depth: branch.depth }),
    });
    if (!engine.isSupervised()) notify(nobodyWatches);
  }
  return row;
}

/** Waits for the end of a process, or for the end of the caller's patience. */
async function waitForEnd(
  { engine, signal, progress }: ToolContext<Engine>,
  row: ProcessRow,
  seconds: number,
): Promise<ProcessRow> {
  progress({ message: `waiting up to ${seconds} s for '${row.name}'` });
  return engine.processes.waitForEnd(row, seconds * 1_000, signal);
}

function describeVerdict(verdict: {
  allowed: boolean;
  policy: string;
  blocked?: { rule: string; reason: string } | undefined;
}): string {
  if (verdict.blocked) return `Not allowed: ${verdict.blocked.reason} (${verdict.blocked.rule}).`;
  if (verdict.policy === 'deny') return "Not allowed: the owner's policy denies it.";
  return verdict.policy === 'allow'
    ? 'Allowed.'
    : 'Allowed after a confirmation; at the command line, typing it is the confirmation.';
}
