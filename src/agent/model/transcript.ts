// Brings stored messages into the order that every provider accepts, whatever happened while they were stored: each
// call has exactly one result, right after the message that made it; ids are unique; nothing is empty; a user comes
// first and the model is the next to speak. Pure; the same messages always give the same transcript, so that caches hold.

import type { ModelMessage, Part, ThoughtPart } from './contract.ts';

/** A call with its one result. */
export interface Call {
  readonly type: 'call';
  readonly id: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly result: { readonly text: string; readonly isError: boolean };
}

/** What the model said and called at once; it has at least one text or call. */
export interface Answer {
  readonly role: 'assistant';
  readonly parts: readonly ({ readonly type: 'text'; readonly text: string } | Call | ThoughtPart)[];
}

/** What the model was told. */
export interface Said {
  readonly role: 'user';
  readonly text: string;
}

/** Said in place of a result that was never stored. */
export const interrupted =
  'Interrupted: this call was cut off before its result was known. It may have had an effect; look before you repeat it.';
const goOn = 'Go on.';
const earlier = 'The conversation goes on; what came before is not shown.';
const noOutput = '(no output)';

type Draft = { -readonly [Key in keyof Omit<Call, 'result'>]: Call[Key] } & {
  result: Call['result'] | undefined;
  readonly storedId: string;
  readonly block: number;
};
type Block =
  | { role: 'user'; texts: string[] }
  | { role: 'assistant'; parts: ({ type: 'text'; text: string } | Draft | ThoughtPart)[] };

/** Makes the transcript of stored messages. Without tools in the request, calls and results are told as text. */
export function transcriptOf(
  messages: readonly ModelMessage[],
  options: { readonly withTools: boolean; clean(text: string): string },
): (Said | Answer)[] {
  const blocks = collect(messages, options.clean);
  const turns = options.withTools ? blocks.flatMap(finishBlock) : blocks.flatMap(tellBlock);
  return alternate(turns);
}

function collect(messages: readonly ModelMessage[], clean: (text: string) => string): Block[] {
  const blocks: Block[] = [];
  const calls = new Map<string, Draft[]>();
  const ids = createIds();
  const addCall = (part: { id: string; name: string; input: unknown }): Draft => {
    const block = openBlock(blocks, 'assistant');
    const call: Draft = {
      type: 'call',
      id: ids(part.id),
      name: nameOf(part.name),
      input: asInput(part.input, clean),
      result: undefined,
      storedId: part.id,
      block: blocks.length,
    };
    block.parts.push(call);
    calls.set(part.id, [...(calls.get(part.id) ?? []), call]);
    return call;
  };
  const add = (role: ModelMessage['role'], part: Part) => {
    if (part.type === 'call') addCall(part);
    else if (part.type === 'result') {
      const open = (calls.get(part.id) ?? []).filter((call) => call.result === undefined);
      // Servers of all kinds use an id again at the next step: the newest message with such a call is the one meant.
      const newest = Math.max(...open.map((call) => call.block));
      const call = open.find(({ block }) => block === newest) ?? addCall({ ...part, input: {} });
      const text = clean(part.text);
      call.result = { text: text.trim() === '' ? noOutput : text, isError: part.isError };
    } else if (part.type === 'thought') {
      if (role === 'assistant') openBlock(blocks, 'assistant').parts.push(part);
    } else if (part.text.trim() !== '') {
      const text = clean(part.text);
      if (role === 'assistant') openBlock(blocks, 'assistant').parts.push({ type: 'text', text });
      else openBlock(blocks, 'user').texts.push(text);
    }
  };
  for (const { role, parts } of messages) {
    // Two answers in a row stay two where the first has calls: their results stand between them.
    if (role === 'assistant' && hasCall(blocks.at(-1))) blocks.push({ role: 'assistant', parts: [] });
    for (const part of parts) add(role, part);
  }
  return blocks;
}

function openBlock<Role extends Block['role']>(blocks: Block[], role: Role): Extract<Block, { role: Role }> {
  const last = blocks.at(-1);
  if (last?.role === role) return last as Extract<Block, { role: Role }>;
  const fresh = (role === 'user' ? { role, texts: [] } : { role, parts: [] }) as unknown as Block;
  blocks.push(fresh);
  return fresh as Extract<Block, { role: Role }>;
}

function hasCall(block: Block | undefined): boolean {
  return block?.role === 'assistant' && block.parts.some(({ type }) => type === 'call');
}

function finishBlock(block: Block): (Said | Answer)[] {
  if (block.role === 'user') return [{ role: 'user', text: block.texts.join('\n\n') }];
  if (block.parts.every(({ type }) => type === 'thought')) return [];
  return [
    { role: 'assistant', parts: block.parts.map((part) => (part.type === 'call' ? finishCall(part) : part)) },
  ];
}

function finishCall({ id, name, input, result }: Draft): Call {
  return { type: 'call', id, name, input, result: result ?? { text: interrupted, isError: true } };
}

/** The same block in words, for a request in which there are no tools: servers refuse calls of tools they are not told of. */
function tellBlock(block: Block): (Said | Answer)[] {
  if (block.role === 'user') return finishBlock(block);
  const calls = block.parts.flatMap((part) => (part.type === 'call' ? [finishCall(part)] : []));
  const texts = block.parts.flatMap((part) => {
    if (part.type === 'thought') return [];
    return part.type === 'text' ? [part.text] : [`[called ${part.name} ${JSON.stringify(part.input)}]`];
  });
  if (texts.length === 0) return [];
  const answer: Answer = { role: 'assistant', parts: [{ type: 'text', text: texts.join('\n') }] };
  const results = calls.map(
    ({ name, result }) => `[${result.isError ? 'error' : 'result'} of ${name}]\n${result.text}`,
  );
  return results.length === 0 ? [answer] : [answer, { role: 'user', text: results.join('\n\n') }];
}

/** One role after the other, a user first, and the model to speak next. */
function alternate(turns: readonly (Said | Answer)[]): (Said | Answer)[] {
  const merged: (Said | Answer)[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role === 'user' && turn.role === 'user') {
      merged[merged.length - 1] = { role: 'user', text: `${last.text}\n\n${turn.text}` };
    } else if (last?.role === 'assistant' && turn.role === 'assistant' && !calledIn(last)) {
      merged[merged.length - 1] = { role: 'assistant', parts: [...last.parts, ...turn.parts] };
    } else merged.push(turn);
  }
  if (merged[0]?.role === 'assistant') merged.unshift({ role: 'user', text: earlier });
  const last = merged.at(-1);
  if (last === undefined || (last.role === 'assistant' && !calledIn(last))) {
    merged.push({ role: 'user', text: goOn });
  }
  return merged;
}

function calledIn(answer: Answer): boolean {
  return answer.parts.some(({ type }) => type === 'call');
}

/** Ids that every provider takes, each once; the stored one wherever it can be had. */
function createIds(): (stored: string) => string {
  const taken = new Set<string>();
  let count = 0;
  return (stored) => {
    let id = stored;
    while (!/^[a-zA-Z0-9_-]{1,40}$/.test(id) || taken.has(id)) id = `call_${++count}`;
    taken.add(id);
    return id;
  };
}

function nameOf(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64) || 'unknown';
}

function asInput(input: unknown, clean: (text: string) => string): Record<string, unknown> {
  return isRecord(input) ? (cleanDeep(input, clean, 0) as Record<string, unknown>) : {};
}

/** Deeper input is not refused by a schema but by the stack of whoever walks through it. */
export const deepestInput = 100;

function cleanDeep(value: unknown, clean: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return clean(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= deepestInput) return '(nested too deeply)';
  if (Array.isArray(value)) return value.map((item) => cleanDeep(item, clean, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [clean(key), cleanDeep(item, clean, depth + 1)]),
  );
}

/** True for what JSON calls an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
