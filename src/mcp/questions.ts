// How a person is asked through their MCP client: a form with one box to tick, which names the tool and shows its exact
// input. Only "accept" with the box ticked is a yes. Clients of 2025 are sent the question; clients of 2026 find it in
// an answer, and bring the reply back with a second request.

import type { InputRequiredResult, ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Confirmation } from '../../skills/tool.ts';

const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities';
const answerKey = 'confirmation';
const longestInput = 4_000;
/** The dispatcher's own clock ends the question; this only keeps a forgotten one from staying for ever. */
const slackMs = 5_000;

const answerSchema = z.object({
  action: z.literal('accept'),
  content: z.object({ confirm: z.literal(true) }),
});
const capabilitySchema = z.object({
  elicitation: z.object({ form: z.unknown().optional(), url: z.unknown().optional() }),
});

/** True when the client says that it can show a form. An empty capability is how the older ones say so. */
export function canAsk(capabilities: unknown): boolean {
  const parsed = capabilitySchema.safeParse(capabilities);
  if (!parsed.success) return false;
  const { form, url } = parsed.data.elicitation;
  return form !== undefined || url === undefined;
}

/** What a client of 2026 declares with each request. */
export function declaredCapabilities(context: ServerContext): unknown {
  return (context.mcpReq.envelope as Record<string, unknown> | undefined)?.[capabilitiesKey];
}

/** Asks a client of 2025, and waits for the person. Aborting `over` takes the question back. */
export async function push(
  context: ServerContext,
  tool: string,
  confirmation: Confirmation,
  over: AbortSignal,
): Promise<boolean> {
  const answer = await context.mcpReq.send(
    { method: 'elicitation/create', params: formOf(tool, confirmation) },
    { timeout: Math.max(0, confirmation.expiresAt - Date.now()) + slackMs, signal: over },
  );
  return isYes(answer);
}

/** The answer that asks a client of 2026; it comes back with `state`. */
export function questionResult(tool: string, confirmation: Confirmation, state: string): InputRequiredResult {
  return {
    resultType: 'input_required',
    inputRequests: { [answerKey]: { method: 'elicitation/create', params: formOf(tool, confirmation) } },
    requestState: state,
  };
}

/** What the person said, in a request that brings the reply back. */
export function saidYes(context: ServerContext): boolean {
  return isYes(context.mcpReq.inputResponses?.[answerKey]);
}

function isYes(answer: unknown): boolean {
  return answerSchema.safeParse(answer).success;
}

function formOf(tool: string, { question, input }: Confirmation) {
  const shown = JSON.stringify(input, (_, value) => (typeof value === 'string' ? shorten(value) : value));
  return {
    mode: 'form' as const,
    message: visible(`${shorten(question)}\n\n${tool} ${shown}`),
    requestedSchema: {
      type: 'object' as const,
      properties: {
        confirm: { type: 'boolean' as const, title: 'Yes, do exactly this', description: 'Counts once' },
      },
      required: ['confirm'],
    },
  };
}

/** What is left out is counted, and the end is shown: that is where a long command hides what it really does. */
function shorten(text: string): string {
  if (text.length <= longestInput) return text;
  const half = longestInput / 2;
  return `${text.slice(0, half)} [… ${text.length - 2 * half} more characters …] ${text.slice(-half)}`;
}

/** Characters that hide or reorder others are spelled out: a person must see what they say yes to. */
function visible(text: string): string {
  return text.replace(
    /[^\P{C}\n]|[\u2028\u2029]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
