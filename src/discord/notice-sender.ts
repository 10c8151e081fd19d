// Takes waiting notices to their channels, as few messages as they fit into, one at a time for each channel, with a
// pause between two.

import { DiscordAPIError } from 'discord.js';
import type { Clock, Logger } from '../../skills/tool.ts';
import type { Delivery } from './delivery.ts';
import type { Batch, Notice, NoticeStore } from './notices.ts';
import type { Payload } from './render/payload.ts';
import { longestContent } from './render/text.ts';
import type { Writer } from './render/writer.ts';
import type { Timing } from './surroundings.ts';

const longestPassage = 900;
/** A notice that is older says when it was. */
const oldMs = 60_000;
const longestRetryMs = 300_000;
/** Unknown channel, no access, no right to write: somebody has to mend that. */
const closedDoors = new Set<number | string>([10_003, 50_001, 50_013]);

/** Sends whatever waits, while Discord is there. */
export interface NoticeSender {
  /** Something may wait, or Discord may be there again. */
  kick(): void;
  stop(): void;
}

/** What the sender needs. */
export interface SenderOptions {
  readonly store: NoticeStore;
  readonly delivery: Delivery;
  readonly writer: Writer;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly logger: Logger;
  isReady(): boolean;
}

/** A sender that waits for its first kick. */
export function createNoticeSender(options: SenderOptions): NoticeSender {
  const { store, delivery, timing, logger } = options;
  const workers = new Map<string, { timer: NodeJS.Timeout | undefined; busy: boolean; failures: number }>();
  let stopped = false;

  const send = async (channel: string): Promise<void> => {
    const worker = workers.get(channel);
    if (!worker || worker.busy || stopped || !options.isReady()) return;
    worker.busy = true;
    worker.timer = undefined;
    let waitMs = timing.noticeMs;
    let batch: Batch | undefined;
    try {
      batch = store.next(channel, (notices) => write(options, notices).length <= longestContent);
      if (batch) {
        await delivery.post(
          channel,
          { content: write(options, batch.notices), ...filesOf(batch) },
          batch.nonce,
        );
        if (stopped) return;
        store.finish(batch);
        worker.failures = 0;
      }
    } catch (error) {
      if (stopped) return;
      waitMs = afterFailure(error, channel, batch, worker);
    } finally {
      worker.busy = false;
    }
    if (batch && !stopped) worker.timer = setTimeout(() => void send(channel), waitMs);
  };

  function afterFailure(
    error: unknown,
    channel: string,
    batch: Batch | undefined,
    worker: { failures: number },
  ): number {
    worker.failures++;
    const retryMs = Math.min(timing.noticeRetryMs * 2 ** Math.min(worker.failures - 1, 10), longestRetryMs);
    const isRefusal = error instanceof DiscordAPIError && error.status >= 400 && error.status < 500;
    if (isRefusal && closedDoors.has(error.code)) {
      if (worker.failures === 1) {
        logger.error(
          { channel },
          `notices wait, for the bot cannot write to their channel: ${error.message}`,
        );
      }
      return longestRetryMs;
    }
    if (isRefusal && ![401, 429].includes(error.status) && batch) {
      // What Discord refuses today it refuses tomorrow, and everything else would wait behind it.
      logger.error({ channel, error: error.message }, 'Discord refuses a notice; it is dropped');
      store.finish(batch);
      return timing.noticeMs;
    }
    logger.warn({ error: String(error) }, 'a notice has to wait');
    return retryMs;
  }

  return {
    kick() {
      if (stopped || !options.isReady()) return;
      for (const channel of store.channels()) {
        const worker = workers.get(channel) ?? { timer: undefined, busy: false, failures: 0 };
        workers.set(channel, worker);
        // Who waits for the pause, or for better times, is not hurried.
        if (worker.timer === undefined && !worker.busy) void send(channel);
      }
    },
    stop() {
      stopped = true;
      for (const { timer } of workers.values()) clearTimeout(timer);
    },
  };
}

/** What is longer than a notice comes with it. */
function filesOf({ notices }: Batch): Pick<Payload, 'files'> {
  const files = notices.flatMap(({ file }) => (file ? [{ name: file.name, data: file.text }] : []));
  return files.length === 0 ? {} : { files };
}

/** Notices as the text of one message. */
function write({ writer, clock }: SenderOptions, notices: readonly Notice[]): string {
  return notices
    .map(({ at, text, count }) => {
      const moment = Date.parse(at);
      const when = clock.now() - moment > oldMs ? ` <t:${Math.floor(moment / 1_000)}:R>` : '';
      const times = count > 1 ? ` (${count} times)` : '';
      return `🔔${when}${times} ${writer.passage(text, longestPassage)}`;
    })
    .join('\n');
}
