// One answer while it is written: as many messages as it needs, at the pace of live messages and no other. While it
// grows, the last of them says what is being done and has the button that stops it. Whatever happens to Discord, the
// last text is either there or kept as a notice.

import type { Payload } from '../render/payload.ts';
import { cut, visible } from '../render/text.ts';
import type { Writer } from '../render/writer.ts';
import type { GrowingMessage, GrowingOptions } from './contract.ts';
import { createMessages, isSame, type MessagesSurroundings, type OwnMessage } from './messages.ts';
import { type Pages, paginate } from './pages.ts';
import { finishedPart } from './unfinished.ts';

/** The prefix of the ids of Stop buttons. */
export const stopPrefix = 'stop';
/** The rest of what Discord takes is for the lines below the text. */
const pageRoom = 1_700;
const mostPages = 5;
const longestNote = 100;
/** Of a text that grows no more than this is looked at: it is more than is shown. */
const longestLook = 40_000;
/** Six megabytes at most, and Discord takes ten. */
const longestText = 2 * 1024 ** 2;
const longestId = 100;
const restName = 'rest.md';
const waiting = '…';

/** What growing messages are made with. */
export interface GrowingSurroundings extends MessagesSurroundings {
  readonly writer: Writer;
  mask(text: string): string;
  readonly secrets: readonly string[];
  /** Whether anybody is told of a Stop button. */
  readonly canStop: boolean;
  /** Keeps a text that could not be shown, until Discord has it. */
  keep(channelId: string, text: string): void;
}

/** A growing message, and what the chat does with it. */
export interface OwnedMessage extends GrowingMessage {
  /** Discord is there again. */
  resume(): void;
  /** The process ends: what has not been sent is kept. */
  abandon(): void;
}

/** An answer of which nothing stands anywhere yet. `onEnd` is called when it is over. */
export function createGrowingMessage(
  surroundings: GrowingSurroundings,
  channelId: string,
  { replyTo, branch, whenEmpty = '(no answer)' }: GrowingOptions,
  onEnd: () => void,
): OwnedMessage {
  const { mask, writer, secrets, canStop } = surroundings;
  const components = canStop ? stopRow(branch) : [];
  const layOutOf = createLayout(mask, secrets);
  let text = '';
  let note = '';
  let ending: Promise<readonly string[]> | undefined;
  let abandoned = false;

  const layOut = () => layOutOf(text);
  const draw = (index: number): Payload => {
    const below = note === '' ? '' : `\n-# ▸ ${writer.sentence(note)}`;
    return drawPage(layOut(), index, below, components);
  };
  const messages = createMessages(surroundings, {
    channelId,
    replyTo,
    willOf: (index) => cutOffText(layOut().pages[index]),
    onShown(message) {
      const isLast = message === messages.all.at(-1);
      if (!ending && isLast && layOut().pages.length > messages.all.length) refresh(messages.open());
    },
  });
  const refresh = (message: OwnMessage) => {
    const index = messages.all.indexOf(message);
    message.live.show(() => {
      // A secret that was found late changes what stands before it, too.
      for (const [before, other] of messages.all.slice(0, index).entries()) {
        if (!isSame(other.shown, draw(before))) other.live.show(() => draw(before));
      }
      return draw(index);
    });
  };
  const grow = () => {
    if (ending || abandoned) return;
    const last = messages.all.at(-1);
    if (last) refresh(last);
    else if (note !== '' || layOut().pages.length > 0) refresh(messages.open());
  };
  const end = async (words: string): Promise<readonly string[]> => {
    const ids = await messages.finish(payloadsOf(words));
    if (!ids) surroundings.keep(channelId, words);
    return ids ?? [];
  };
  return {
    write(whole) {
      text = bounded(whole, secrets);
      grow();
    },
    doing(what) {
      note = cut(mask(visible(what)).replaceAll(/\s+/g, ' ').trim(), longestNote);
      grow();
    },
    finish(whole) {
      ending ??= end(wordsOf(mask(visible(bounded(whole, secrets))), whenEmpty)).finally(onEnd);
      return ending;
    },
    resume: grow,
    abandon() {
      abandoned = true;
      messages.abandon();
      onEnd();
    },
  };
}

/** A text that grows, cut into what can be shown of it; looked at again only when it has changed. */
function createLayout(mask: (text: string) => string, secrets: readonly string[]): (text: string) => Pages {
  let laid: Pages & { of: string } = { pages: [], rest: '', of: '' };
  return (text) => {
    if (laid.of !== text) {
      const part = finishedPart(text.slice(0, longestLook), secrets);
      laid = { ...paginate(mask(visible(part)), pageRoom, mostPages), of: text };
    }
    return laid;
  };
}

/** One of the messages while the text grows; only the last one has lines below and can be stopped. */
function drawPage(
  { pages, rest }: Pages,
  index: number,
  below: string,
  components: NonNullable<Payload['components']>,
): Payload {
  if (index < pages.length - 1) return { content: pages[index] ?? waiting };
  const more = rest === '' ? '' : '\n-# … and more, which comes as a file.';
  const content = `${pages[index] ?? ''}${more}${below}`.trim();
  return { content: content === '' ? waiting : content, components };
}

/** The last text in messages; what they do not hold comes with the last of them. */
function payloadsOf(words: string): Payload[] {
  const { pages, rest } = paginate(words, pageRoom, mostPages);
  return pages.map((content, index) => {
    if (rest === '' || index < pages.length - 1) return { content };
    const note = `-# The rest, ${rest.length.toLocaleString('en')} characters: ${restName}`;
    return { content: `${content}\n${note}`, files: [{ name: restName, data: rest }] };
  });
}

/** Half of a secret at the end would be none to the mask. */
function bounded(text: string, secrets: readonly string[]): string {
  return text.length <= longestText ? text : finishedPart(text.slice(0, longestText), secrets);
}

/** Discord takes no message without anything to see. */
function wordsOf(text: string, whenEmpty: string): string {
  return text.replaceAll(/[\s\u200b-\u200d\u2060\ufeff]/g, '') === '' ? whenEmpty : text;
}

function cutOffText(text = ''): string {
  return `${text}\n-# Cut off here: the bot could not go on with this message.`.trim();
}

function stopRow(branch: string): NonNullable<Payload['components']> {
  const id = `${stopPrefix}:${branch}`;
  if (id.length > longestId) return [];
  return [{ type: 1, components: [{ type: 2, style: 2, label: 'Stop', custom_id: id }] }];
}
