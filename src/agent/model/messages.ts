// Our stored messages as the messages of the `ai` package: pure, and nothing of the package is loaded for it.

import type { ModelMessage as SdkMessage, SystemModelMessage } from 'ai';
import type { Provider } from './catalogue.ts';
import type { ModelMessage, ThoughtPart } from './contract.ts';
import { type Answer, type Call, transcriptOf } from './transcript.ts';

/** Up to here a provider may keep what it has read; others ignore it. */
const cacheMark = { anthropic: { cacheControl: { type: 'ephemeral' } } } as const;

/** Who is asked, and what may be said. */
interface MessagesOptions {
  readonly provider: Provider;
  readonly model: string;
  readonly withTools: boolean;
  mask(text: string): string;
}

type Content = Extract<SdkMessage, { role: 'assistant' }>['content'];

/** What a conversation looks like to the package: valid for each provider, whatever the stored messages are. */
export function sdkMessages(messages: readonly ModelMessage[], options: MessagesOptions): SdkMessage[] {
  const clean = (text: string) => wellFormed(options.mask(text));
  const turns = transcriptOf(messages, { withTools: options.withTools, clean });
  // Only the model that had a thought can read its seal, and only as long as the thought is what it was.
  const isReadable = ({ text, seal }: ThoughtPart) =>
    options.provider === 'anthropic' && seal.model === options.model && clean(text) === text;
  const converted = turns.flatMap((turn): SdkMessage[] => {
    if (turn.role === 'user') return [{ role: 'user', content: turn.text }];
    const calls = turn.parts.filter((part) => part.type === 'call');
    const answer: SdkMessage = { role: 'assistant', content: contentOf(turn, isReadable) };
    return calls.length === 0
      ? [answer]
      : [answer, { role: 'tool', content: calls.map((call) => resultOf(call, options.provider)) }];
  });
  const last = converted.at(-1);
  if (last) last.providerOptions = cacheMark;
  return converted;
}

/** The system prompt, as a message that may be cached. */
export function sdkSystem(system: string, mask: (text: string) => string): SystemModelMessage {
  return { role: 'system', content: wellFormed(mask(system)), providerOptions: cacheMark };
}

function contentOf(answer: Answer, isReadable: (thought: ThoughtPart) => boolean): Content {
  return answer.parts.flatMap((part): Exclude<Content, string> => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }];
    if (part.type === 'call') {
      return [{ type: 'tool-call', toolCallId: part.id, toolName: part.name, input: part.input }];
    }
    if (!isReadable(part)) return [];
    const { model: _, ...anthropic } = part.seal;
    return [{ type: 'reasoning', text: part.text, providerOptions: { anthropic: anthropic as never } }];
  });
}

function resultOf({ id, name, result }: Call, provider: Provider) {
  const type = result.isError ? ('error-text' as const) : ('text' as const);
  // OpenAI's format has no place that says that a result is an error.
  const isUnsaid = provider === 'openai' && result.isError && !/^\W*error/i.test(result.text);
  return {
    type: 'tool-result' as const,
    toolCallId: id,
    toolName: name,
    output: { type, value: isUnsaid ? `Error: ${result.text}` : result.text },
  };
}

/** Half a character, as cutting a text leaves it, and NUL make servers refuse the whole request. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8').replaceAll('\0', '\uFFFD');
}
