import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { Failure, type ToolContext } from '../../tool.ts';
import { type Engine, nobodyWatches } from '../engine.ts';
import { actions, exitFilters, type Trigger } from '../hooks/index.ts';

const input = z.strictObject({
  process: z.string().min(1).describe('Id, name or PID of the process'),
  onExit: z
    .enum(exitFilters)
    .optional()
    .describe('When it ends: success is exit code 0, failure anything else'),
  onOutput: z
    .string()
    .min(1)
    .optional()
    .describe('When it prints a line that matches this pattern; lines that it printed before count'),
  onTimeout: z
    .number()
    .positive()
    .max(31_536_000)
    .optional()
    .describe('When it still runs this many seconds after its start'),
  do: z.enum(actions).describe('What happens then'),
  message: z.string().max(4_000).optional().describe('What to say with it'),
  delay: z
    .number()
    .min(0)
    .max(3_600)
    .default(2)
    .describe('Seconds after a match, so that what follows it is seen too; 0 is at once'),
  maxFires: z.number().int().min(0).max(1_000_000).default(1).describe('How often; 0 is unlimited'),
});

/** `hook`: something that happens by itself when a process ends, prints or takes too long. */
export const hook = defineTool({
  name: 'hook',
  title: 'Add a hook',
  description:
    'Makes something happen by itself when a process ends, prints a line, or runs for too long. Hooks survive every restart of the bot, and what happened meanwhile fires them once.',
  input,
  output: z.object({
    hook: z.object({ id: z.number(), process: z.string(), trigger: z.string(), action: z.string() }),
  }),
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
  ],
  // `hook` in the history is a hook that fired.
  recordedAs: 'add_hook',
  subject: ({ process }) => process,
  present: ({ hook: made }) => ({ text: `hook ${made.id}: when ${made.trigger}, ${made.action}` }),
  handler: async ({ engine, actor, notify }: ToolContext<Engine>, request) => {
    const { processes, hooks } = engine;
    const trigger = triggerOf(request);
    const row = processes.resolve(request.process);
    const made = hooks.add({
      processId: row.id,
      trigger,
      action: request.do,
      message: request.message ?? null,
      delaySeconds: request.delay,
      maxFires: request.maxFires,
      creator: actor,
    });
    if (!engine.isSupervised()) notify(nobodyWatches);
    return { hook: { id: made.id, process: row.id, trigger: hooks.describe(made), action: made.action } };
  },
});

function triggerOf({ onExit, onOutput, onTimeout }: z.infer<typeof input>): Trigger {
  const given: Trigger[] = [
    ...(onExit === undefined ? [] : [{ type: 'on_exit' as const, filter: onExit }]),
    ...(onOutput === undefined ? [] : [{ type: 'on_output_match' as const, pattern: onOutput }]),
    ...(onTimeout === undefined ? [] : [{ type: 'on_timeout' as const, seconds: onTimeout }]),
  ];
  const [trigger] = given;
  if (trigger && given.length === 1) return trigger;
  throw new Failure(
    'usage',
    `A hook has one trigger, and ${given.length === 0 ? 'none was' : `${given.length} were`} given.`,
    'Give one of --on-exit any|success|failure, --on-output PATTERN, --on-timeout SECONDS.',
  );
}
