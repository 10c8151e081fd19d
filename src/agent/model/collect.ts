// Puts an answer together from the parts of its stream: texts, thoughts, calls that can be run and calls that cannot,
// and what was used. It says whether the answer came to its end.

import type { TextStreamPart, ToolSet } from 'ai';
import type { InvalidCall, ModelMessage, ModelTool, Part, StepResult, Usage } from './contract.ts';
import type { ModelSettings } from './settings.ts';
import { deepestInput, isRecord } from './transcript.ts';

/** An answer, and whether all of its numbers are the server's. */
export type Answered = StepResult;

type StreamPart = TextStreamPart<ToolSet>;
type ToolCall = Extract<StreamPart, { type: 'tool-call' }>;

/** Takes the parts of one stream, in their order. */
export function createCollector(
  settings: Pick<ModelSettings, 'model' | 'provider'>,
  tools: readonly ModelTool[],
  asked: readonly ModelMessage[],
) {
  const parts: Part[] = [];
  const invalidCalls: InvalidCall[] = [];
  const thoughts = new Map<string, { text: string; seal: Record<string, unknown> }>();
  let [isWhole, refusal, sent] = [false, '', 0];
  let end: Extract<StreamPart, { type: 'finish-step' }> | undefined;

  const addText = (text: string) => {
    const last = parts.at(-1);
    if (last?.type === 'text') parts[parts.length - 1] = { type: 'text', text: last.text + text };
    else parts.push({ type: 'text', text });
  };
  const addCall = (call: ToolCall) => {
    const reason = reasonAgainst(call, tools);
    const { toolCallId: id, toolName: name, input } = call;
    if (reason === undefined) parts.push({ type: 'call', id, name, input });
    else invalidCalls.push({ id, name, reason });
  };

  return {
    /** Takes one part, and returns the text in it that can be shown. */
    take(part: StreamPart): string {
      if (part.type === 'text-delta') {
        sent += part.text.length;
        addText(part.text);
        return part.text;
      }
      if (part.type === 'tool-input-delta') sent += part.delta.length;
      if (part.type === 'tool-call') addCall(part);
      else if (part.type === 'finish-step') end = part;
      else if (part.type === 'raw') {
        isWhole ||= isLastChunk(settings.provider, part.rawValue);
        const text = refusalIn(part.rawValue);
        refusal += text;
        return text;
      } else if (part.type.startsWith('reasoning-')) thinkOn(thoughts, parts, settings.model, part);
      return '';
    },
    /** The whole answer; undefined when its end never came. */
    finish(): StepResult | undefined {
      if (!isWhole || end === undefined) return undefined;
      if (refusal !== '') addText(refusal);
      const kept = parts.filter((part) => part.type !== 'text' || part.text.trim() !== '');
      const hasCalls = invalidCalls.length > 0 || kept.some(({ type }) => type === 'call');
      return {
        parts: kept,
        invalidCalls: invalidCalls.map((call) =>
          end?.finishReason === 'length' ? { ...call, reason: `${cutByLength} ${call.reason}` } : call,
        ),
        usage: usageOf(end.usage, asked, sent),
        finish: finishOf(end.finishReason, hasCalls, refusal !== ''),
        model: end.response.modelId,
      };
    },
  };
}

const cutByLength = 'The answer reached the limit of its length, so the call may be cut: make it shorter.';

/** Why a call cannot be run; undefined when it can. */
function reasonAgainst(call: ToolCall, tools: readonly ModelTool[]): string | undefined {
  const { toolName: name, input } = call;
  if (!tools.some((tool) => tool.name === name)) {
    const known = tools.map((tool) => tool.name).join(', ');
    return `There is no tool named '${name.slice(0, 100)}'. ${known === '' ? 'There are no tools now.' : `The tools are: ${known}.`}`;
  }
  if (call.invalid) {
    const text = typeof input === 'string' ? input : JSON.stringify(input);
    const start = text.slice(0, 200);
    return `The input of '${name}' is no valid JSON, so it was not run. Send a JSON object. It began: ${start}`;
  }
  if (!isRecord(input)) return `The input of '${name}' must be a JSON object, so it was not run.`;
  if (depthOf(input) > deepestInput) return `The input of '${name}' is nested too deeply, so it was not run.`;
  return undefined;
}

/** How deep a value is nested, without recursion: whoever sent it chose the depth. */
function depthOf(value: unknown): number {
  let layer: unknown[] = [value];
  for (let depth = 0; ; depth++) {
    layer = layer.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
    if (layer.length === 0 || depth > deepestInput) return depth;
  }
}

/** Anthropic ends a message with an event of its own; elsewhere the finish reason is the end. */
function isLastChunk(provider: ModelSettings['provider'], chunk: unknown): boolean {
  if (!isRecord(chunk)) return false;
  if (provider === 'anthropic') return chunk.type === 'message_stop';
  return typeof firstChoice(chunk)?.finish_reason === 'string';
}

/** OpenAI's models refuse in a field of its own, which the package passes over. */
function refusalIn(chunk: unknown): string {
  const delta = isRecord(chunk) ? firstChoice(chunk)?.delta : undefined;
  return isRecord(delta) && typeof delta.refusal === 'string' ? delta.refusal : '';
}

function firstChoice(chunk: Record<string, unknown>): Record<string, unknown> | undefined {
  const choice: unknown = Array.isArray(chunk.choices) ? chunk.choices[0] : undefined;
  return isRecord(choice) ? choice : undefined;
}

/** Keeps sealed thoughts; those without a seal can be shown to no model again. */
function thinkOn(
  thoughts: Map<string, { text: string; seal: Record<string, unknown> }>,
  parts: Part[],
  model: string,
  part: StreamPart,
): void {
  if (part.type !== 'reasoning-start' && part.type !== 'reasoning-delta' && part.type !== 'reasoning-end')
    return;
  const thought = thoughts.get(part.id) ?? { text: '', seal: {} };
  thoughts.set(part.id, thought);
  if (part.type === 'reasoning-delta') thought.text += part.text;
  Object.assign(thought.seal, part.providerMetadata?.anthropic);
  if (part.type !== 'reasoning-end') return;
  thoughts.delete(part.id);
  if (Object.keys(thought.seal).length === 0) return;
  parts.push({ type: 'thought', text: thought.text, seal: { ...thought.seal, model } });
}

function finishOf(reason: string, hasCalls: boolean, isRefusal: boolean): StepResult['finish'] {
  if (reason === 'content-filter' || isRefusal) return 'refused';
  if (reason === 'length') return 'length';
  // Some servers say `stop` although they call.
  return hasCalls ? 'tools' : 'stop';
}

type SdkUsage = Extract<StreamPart, { type: 'finish-step' }>['usage'];

function usageOf(usage: SdkUsage, asked: readonly ModelMessage[], sent: number): Usage {
  const { cacheReadTokens, cacheWriteTokens } = usage.inputTokenDetails;
  return {
    // A server that counts nothing must not make every budget endless.
    inputTokens: usage.inputTokens || tokensIn(JSON.stringify(asked).length),
    outputTokens: usage.outputTokens || tokensIn(sent),
    cachedInputTokens: cacheReadTokens ?? 0,
    ...(cacheWriteTokens ? { cacheWriteTokens } : {}),
  };
}

function tokensIn(characters: number): number {
  return Math.ceil(characters / 4);
}
