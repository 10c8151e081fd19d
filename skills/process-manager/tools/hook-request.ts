// What somebody says of one hook, and the hook that comes of it: the same whether a person typed it, a model called the
// tool, or plain words became it.

import { z } from 'zod';
import { Failure, type ToolContext } from '../../tool.ts';
import type { Engine } from '../engine.ts';
import { actions, exitFilters, type Hook, type Trigger } from '../hooks/index.ts';
import type { ProcessRow } from '../processes/index.ts';

/** The triggers, of which a hook has one. */
export const triggerFields = {
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
};

/** What happens then. */
export const actionField = z.enum(actions);

/** How it happens. */
export const mannerFields = {
  message: z.string().max(4_000).optional().describe('What to say with it'),
  delay: z
    .number()
    .min(0)
    .max(3_600)
    .default(2)
    .describe('Seconds after a match, so that what follows it is seen too; 0 is at once'),
  maxFires: z.number().int().min(0).max(1_000_000).default(1).describe('How often; 0 is unlimited'),
};

const request = z.strictObject({ ...triggerFields, do: actionField, ...mannerFields });

/** One hook that is asked for. */
export type HookRequest = z.infer<typeof request>;

/** Makes it, for the actor of the call and as deep as the branch that the call comes from. */
export function makeHook(
  { engine, actor, branch }: ToolContext<Engine>,
  row: ProcessRow,
  asked: HookRequest,
): Hook {
  return engine.hooks.add({
    processId: row.id,
    trigger: triggerOf(asked),
    action: asked.do,
    message: asked.message ?? null,
    delaySeconds: asked.delay,
    maxFires: asked.maxFires,
    creator: actor,
    ...(branch && { branch: branch.id, depth: branch.depth }),
  });
}

/** How a hook looks from outside. */
export const hookShape = z.object({
  id: z.number(),
  process: z.string(),
  trigger: z.string(),
  action: actionField,
  message: z.string().optional(),
});

/** A hook as outsiders see it. */
export function describeHook({ hooks }: Engine, hook: Hook): z.infer<typeof hookShape> {
  const { id, processId, action, message } = hook;
  const trigger = hooks.describe(hook);
  return { id, process: processId, trigger, action, ...(message === null ? {} : { message }) };
}

function triggerOf({ onExit, onOutput, onTimeout }: Omit<HookRequest, 'do'>): Trigger {
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
