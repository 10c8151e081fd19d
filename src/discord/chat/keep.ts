// An answer that Discord has not taken becomes a notice for its channel, and waits there until Discord has it: whole in
// the message where it fits, else in a file that comes with it.

import type { Logger } from '../../../skills/tool.ts';
import type { NoticeStore } from '../notices.ts';
import { fence, firstThatFit } from '../render/text.ts';

const longestShown = 750;
const longestExcerpt = 500;
const heading = 'An answer that could not be shown in its place:';

/** Keeps a masked text for a channel. */
export function keepAnswer(store: NoticeStore, channelId: string, text: string, logger: Logger): void {
  const fits = fence(text).length <= longestShown;
  try {
    if (fits) store.put(channelId, `${heading}\n${text}`);
    else
      store.put(channelId, `${heading}\n${firstThatFit(text, longestExcerpt)}`, { name: 'answer.md', text });
    logger.warn({ channel: channelId }, 'an answer could not be shown, and is kept as a notice');
  } catch (error) {
    logger.error({ channel: channelId, error: String(error), text }, 'an answer is only in this log');
  }
}
