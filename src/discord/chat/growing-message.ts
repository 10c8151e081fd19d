// One answer while it is written: as many messages of ours as it needs, each kept up to date by a live message, so there
// is no pace but theirs. While it grows, the last of them says what is being done and has the button that stops it.
// Whatever happens to Discord, the last text is either there or kept as a notice.

import type { Logger } from '../../../skills/tool.ts';
import type { Delivery } from '../delivery.ts';
import { createLiveMessage, type LiveMessage } from '../live-message.ts';
import type { Payload } from '../render/payload.ts';
import { cut, visible } from '../render/text.ts';
import type { Writer } from '../render/writer.ts';
import type { Timing } from '../surroundings.ts';
import type { GrowingMessage, GrowingOptions } from './contract.ts';
import { type Pages, paginate } from './pages.ts';
import { createPlace, type Place } from './place.ts';
import { finishedPart } from './unfinished.ts';
import type { Wills } from './wills.ts';

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
export interface GrowingSurroundings {
  readonly delivery: Delivery;
  readonly wills: Wills;
  readonly writer: Writer;
  mask(text: string): string;
  readonly secrets: readonly string[];
  readonly timing: Pick<Timing, 'editMs' | 'editRetryMs'>;
  /** Whether anybody is told of a Stop button. */
  readonly canStop: boolean;
  readonly logger: Logger;
  /** Keeps a text that could not be shown, until Discord has it. */
  keep(channelId: string, text: string): void;
}

/** A growing message, and its end where nobody finishes it. */
export interface OwnedMessage extends GrowingMessage {
  /** Discord is there again. */
  resume(): void;
  /** The process ends: what has not been sent is kept. */
  abandon(): void;
}

interface Page {
  readonly place: Place;
  readonly live: LiveMessage;
  /** What stands there for certain. */
  shown: Payload | undefined;
}

/** An answer of which nothing stands anywhere yet. `onEnd` is called once, when it is over. */
export function createGrowingMessage(
  surroundings: GrowingSurroundings,
  channelId: string,
  options: GrowingOptions,
  onEnd: () => void,
): OwnedMessage {
  const { delivery, wills, mask, secrets, timing, logger } = surroundings;
  const { replyTo, branch, whenEmpty = '(no answer)' } = options;
  const pages: Page[] = [];
  let text = '';
  let note = '';
  let ending: Promise<readonly string[]> | undefined;
  let abandoned = false;
  let laid: Pages & { of: string } = { pages: [], rest: '', of: '' };

  const layOut = (): Pages => {
    if (laid.of !== text) {
      const part = finishedPart(text.slice(0, longestLook), secrets);
      laid = { ...paginate(mask(visible(part)), pageRoom, mostPages), of: text };
    }
    return laid;
  };
  const below = () => (note === '' ? '' : `\n-# ▸ ${surroundings.writer.sentence(note)}`);
  const growing = (index: number): Payload => {
    const { pages: texts, rest } = layOut();
    if (index < texts.length - 1) return { content: texts[index] ?? waiting };
    const more = rest === '' ? '' : '\n-# … and more, which comes as a file.';
    const content = `${texts[index] ?? ''}${more}${below()}`.trim();
    return {
      content: content === '' ? waiting : content,
      components: surroundings.canStop ? stopRow(branch) : [],
    };
  };
  const bring = async (page: Page, payload: Payload) => {
    page.shown = undefined;
    const outcome = await page.place.bring(payload);
    if (outcome !== 'done') return outcome;
    page.shown = payload;
    const { messageId = '' } = page.place;
    if ((payload.components ?? []).length === 0) wills.drop(messageId);
    else wills.leave(channelId, messageId, cutOffText(layOut().pages[pages.indexOf(page)]));
    if (!ending && page === pages.at(-1) && layOut().pages.length > pages.length) refresh(open());
    return outcome;
  };
  const open = (): Page => {
    const place = createPlace(delivery, channelId, pages.length === 0 ? replyTo : undefined);
    const live = createLiveMessage(
      (payload) => bring(page, payload),
      timing,
      logger,
      () => {},
    );
    const page: Page = { place, live, shown: undefined };
    pages.push(page);
    return page;
  };
  const refresh = (page: Page) => {
    const index = pages.indexOf(page);
    page.live.show(() => {
      // A secret that was found late changes what stands before it, too.
      for (const [before, other] of pages.slice(0, index).entries()) {
        if (!isSame(other.shown, growing(before))) other.live.show(() => growing(before));
      }
      return growing(index);
    });
  };
  const grow = () => {
    if (ending || abandoned) return;
    const last = pages.at(-1);
    if (last) refresh(last);
    else if (note !== '' || layOut().pages.length > 0) refresh(open());
  };
  const settle = async (index: number, payload: Payload, isAgain = false): Promise<boolean> => {
    const page = pages[index] ?? open();
    if (isSame(page.shown, payload)) {
      page.live.abandon();
      return true;
    }
    page.place.hurry();
    if (abandoned) return false;
    const outcome = await page.live.finish(payload);
    if (outcome === 'delivered') return true;
    wills.release(page.place.messageId);
    if (outcome === 'failed' || isAgain || page.place.messageId === undefined) return false;
    // Somebody has deleted the message: there is another one.
    wills.drop(page.place.messageId);
    const rest = pages.splice(index);
    open();
    pages.push(...rest.slice(1));
    return settle(index, payload, true);
  };
  const end = async (words: string): Promise<readonly string[]> => {
    const last = paginate(words, pageRoom, mostPages);
    for (const [index, content] of last.pages.entries()) {
      const isRest = index === last.pages.length - 1 && last.rest !== '';
      const payload = isRest ? withRest(content, last.rest) : { content };
      if (await settle(index, payload)) continue;
      for (const page of pages) page.live.abandon();
      for (const { place } of pages) wills.release(place.messageId);
      surroundings.keep(channelId, words);
      return [];
    }
    const kept = pages.slice(0, last.pages.length);
    await Promise.all(pages.slice(last.pages.length).map((page) => takeAway(page)));
    return kept.flatMap(({ place }) => place.messageId ?? []);
  };
  const takeAway = async ({ live, place }: Page) => {
    const outcome = await live.finish({ content: waiting });
    const { messageId } = place;
    if (outcome !== 'delivered' || messageId === undefined) return wills.release(messageId);
    await delivery.remove({ channelId, messageId }).catch(() => {});
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
      for (const { live } of pages) live.abandon();
      onEnd();
    },
  };
}

/** Half of a secret at the end would be none to the mask. */
function bounded(text: string, secrets: readonly string[]): string {
  return text.length <= longestText ? text : finishedPart(text.slice(0, longestText), secrets);
}

/** Discord takes no message without anything to see. */
function wordsOf(text: string, whenEmpty: string): string {
  return text.replaceAll(/[\s\u200b-\u200d\u2060\ufeff]/g, '') === '' ? whenEmpty : text;
}

function withRest(content: string, rest: string): Payload {
  const note = `-# The rest, ${rest.length.toLocaleString('en')} characters: ${restName}`;
  return { content: `${content}\n${note}`, files: [{ name: restName, data: rest }] };
}

function cutOffText(text = ''): string {
  return `${text}\n-# Cut off here: the bot could not go on with this message.`.trim();
}

function stopRow(branch: string): NonNullable<Payload['components']> {
  const id = `${stopPrefix}:${branch}`;
  if (id.length > longestId) return [];
  return [{ type: 1, components: [{ type: 2, style: 2, label: 'Stop', custom_id: id }] }];
}

function isSame(one: Payload | undefined, other: Payload): boolean {
  return (
    one !== undefined &&
    one.content === other.content &&
    (one.components ?? []).length === (other.components ?? []).length &&
    (one.files ?? []).length === (other.files ?? []).length
  );
}
