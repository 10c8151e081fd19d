import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { Failure, isFailure, type ToolContext } from '../../tool.ts';
import { type Engine, nobodyWatches } from '../engine.ts';
import { createMask, quoted } from '../output/index.ts';
import type { ProcessRow } from '../processes/index.ts';
import { fallbackRequest, type Skipped, show, understand } from './hook-description.ts';
import {
  actionField,
  describeHook,
  hookShape,
  makeHook,
  mannerFields,
  triggerFields,
} from './hook-request.ts';

const input = z.strictObject({
  process: z.string().min(1).describe('Id, name or PID of the process'),
  ...triggerFields,
  do: actionField.optional().describe('What happens then; needed unless it is described'),
  ...mannerFields,
  describe: z
    .string()
    .min(1)
    .max(2_000)
    .optional()
    .describe('Instead of trigger and action: what is wanted, in plain words; a model makes hooks of it'),
});
const output = z.object({
  /** The first of them. */
  hook: hookShape,
  hooks: z.array(hookShape),
  /** What a model made of a description and what cannot be used. */
  skipped: z.array(z.object({ item: z.string(), reason: z.string() })).optional(),
  /** Why a description could not be understood; the hook then tells at least when the process ends. */
  fallback: z.string().optional(),
});
type Input = z.infer<typeof input>;

/** `hook`: something that happens by itself when a process ends, prints or takes too long. */
export const hook = defineTool({
  name: 'hook',
  title: 'Add a hook',
  description:
    'Makes something happen by itself when a process ends, prints a line, or runs for too long. Hooks survive every restart of the bot, and what happened meanwhile fires them once.',
  input,
  output,
  annotations: { readOnly: false, destructive: false, idempotent: false },
  permission: 'operate',
  positionals: ['process'],
  examples: [
    {
      command: 'hook worker --on-exit failure --do notify_channel --message "The worker is down"',
      explains: 'tell somebody when it fails',
    },
    {
      command: 'hook worker --on-output "ERROR|panic" --do inject_context',
      explains: 'show errors to the agent',
    },
    { command: 'hook worker --on-timeout 3600 --do stop_process', explains: 'stop it after an hour' },
    {
      command: 'hook worker --describe "if it fails, read the log and fix it"',
      explains: 'let a model make hooks of plain words',
    },
  ],
  // `hook` in the history is a hook that fired.
  recordedAs: 'add_hook',
  subject: ({ process, describe }) => (describe === undefined ? process : `${process}: ${describe}`),
  isFailure: ({ fallback }) => fallback !== undefined,
  present: ({ hooks, skipped = [], fallback }) => ({
    text: hooks.map(inWords).join('\n'),
    notes: [
      ...(fallback === undefined ? [] : [`Only its end is watched: ${fallback}.`]),
      ...skipped.map(({ item, reason }) => `Left out: ${item}: ${reason}`),
    ],
  }),
  handler: async (context: ToolContext<Engine>, request) => {
    const { engine, notify } = context;
    const row = engine.processes.resolve(request.process);
    const made =
      request.describe === undefined
        ? { hooks: [makeHook(context, row, { ...request, do: requireAction(request) })] }
        : await makeDescribed(context, row, request, request.describe);
    if (!engine.isSupervised()) notify(nobodyWatches);
    const hooks = made.hooks.map((each) => describeHook(engine, each));
    const [first] = hooks;
    if (!first) throw new Error('there is no hook, and no failure');
    return { ...made, hook: first, hooks };
  },
});

function inWords({ id, trigger, action, message }: z.infer<typeof hookShape>): string {
  return `hook ${id}: when ${trigger}, ${action}${message === undefined ? '' : ` with ${quoted(message, 500)}`}`;
}

function requireAction(request: Input) {
  if (request.do !== undefined) return request.do;
  throw new Failure(
    'usage',
    'A hook has to do something, and nothing was given.',
    `Give --do with one of ${actionField.options.join(', ')}, or say it in plain words with --describe.`,
  );
}

/** Makes the hooks that the words mean: all that are possible in one step, so that a death leaves all or none. */
async function makeDescribed(context: ToolContext<Engine>, row: ProcessRow, request: Input, words: string) {
  const { engine, signal } = context;
  const { onExit, onOutput, onTimeout, do: action, message, delay, maxFires } = request;
  if ([onExit, onOutput, onTimeout, action, message].some((value) => value !== undefined)) {
    throw new Failure(
      'usage',
      'A hook is either described in plain words or given by trigger and action.',
      'Leave out --describe, or --on-exit, --on-output, --on-timeout, --do and --message.',
    );
  }
  // Nobody is asked about what is over.
  engine.hooks.requireTriggerable(row);
  const { name, command } = row;
  const understood = await understand(
    engine.think,
    { words, process: { name, command }, delay, maxFires },
    { signal, mask: createMask(engine.secrets) },
  );
  return engine
    .database()
    .transaction(() => {
      const skipped: Skipped[] = [...understood.skipped];
      const hooks = understood.requests.flatMap((asked) => {
        try {
          return [makeHook(context, row, asked)];
        } catch (error) {
          if (!isFailure(error)) throw error;
          skipped.push({ item: show(asked), reason: error.message });
          return [];
        }
      });
      const left = skipped.length === 0 ? {} : { skipped };
      if (hooks.length > 0) return { hooks, ...left };
      const fallback = understood.fallback ?? 'nothing of what the model made of these words is possible';
      return { hooks: [makeHook(context, row, fallbackRequest(words))], fallback, ...left };
    })
    .immediate();
}
