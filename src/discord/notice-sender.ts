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
/** Refusals (400) that are about the channel: a kind that takes no messages, an archived thread. */
const closedDoors = new Set<number | string>([50_008, 50_024, 50_083]);

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

/** Who sends to one channel. */
interface Worker {
  /** Of the pause before its next message. */
  timer: NodeJS.Timeout | undefined;
  busy: boolean;
  failures: number;
  /** It has been said that the bot cannot write there. */
  isShut: boolean;
}

/** A sender that waits for its first kick. */
export function createNoticeSender(options: SenderOptions): NoticeSender {
  const { store, delivery, timing, clock, logger } = options;
  const workers = new Map<string, Worker>();
  let stopped = false;

  const send = async (channel: string, worker: Worker): Promise<void> => {
    worker.timer = undefined;
    // Whoever notices that Discord is there again kicks.
    if (worker.busy || stopped || !options.isReady()) return;
    worker.busy = true;
    let waitMs: number | undefined;
    try {
      // Measured as it may be written later: with the moment of each.
      const fits = (notices: readonly Notice[]) =>
        write(options, notices, Number.POSITIVE_INFINITY).length <= longestContent;
      const batch = store.next(channel, fits);
      if (batch) {
        await post(channel, batch);
        if (stopped) return;
        store.finish(batch);
        Object.assign(worker, { failures: 0, isShut: false });
        waitMs = timing.noticeMs;
      }
    } catch (error) {
      waitMs = afterFailure(error, channel, worker);
    } finally {
      worker.busy = false;
    }
    if (waitMs !== undefined && !stopped) worker.timer = setTimeout(() => void send(channel, worker), waitMs);
  };

  async function post(channel: string, { notices, nonce }: Batch): Promise<void> {
    try {
      const payload = { content: write(options, notices, clock.now()), ...filesOf(notices) };
      await delivery.post(channel, payload, nonce);
    } catch (error) {
      if (!(error instanceof DiscordAPIError) || error.status !== 400 || closedDoors.has(error.code))
        throw error;
      // What Discord refuses today it refuses tomorrow, and everything else would wait behind it.
      logger.error({ channel, error: error.message }, 'Discord refuses a notice; it is dropped');
    }
  }

  /** How long to wait then. */
  function afterFailure(error: unknown, channel: string, worker: Worker): number {
    const isDoor = error instanceof DiscordAPIError && (closedDoors.has(error.code) || isForbidden(error));
    if (!isDoor) {
      worker.failures++;
      if (!stopped) logger.warn({ error: String(error) }, 'a notice has to wait');
      return Math.min(timing.noticeRetryMs * 2 ** Math.min(worker.failures - 1, 10), timing.noticeMostMs);
    }
    if (!worker.isShut) {
      logger.error({ channel }, `notices wait, for the bot cannot write to their channel: ${error.message}`);
    }
    worker.isShut = true;
    return timing.noticeMostMs;
  }

  return {
    kick() {
      if (stopped || !options.isReady()) return;
      try {
        for (const channel of store.channels()) {
          const worker = workers.get(channel) ?? {
            timer: undefined,
            busy: false,
            failures: 0,
            isShut: false,
          };
          workers.set(channel, worker);
          // Who waits for the pause, or for better times, is not hurried.
          if (worker.timer === undefined) void send(channel, worker);
        }
      } catch (error) {
        // They are kept, and the next kick finds them; who gave the last one must not think otherwise.
        logger.warn({ error: String(error) }, 'the waiting notices could not be read this time');
      }
    },
    stop() {
      stopped = true;
      for (const { timer } of workers.values()) clearTimeout(timer);
    },
  };
}

/** What is longer than a notice comes with it. */
function filesOf(notices: readonly Notice[]): Pick<Payload, 'files'> {
  const files = notices.flatMap(({ file }) => (file ? [{ name: file.name, data: file.text }] : []));
  return files.length === 0 ? {} : { files };
}

/** Unknown channel, no access, no right to write: somebody has to mend that. */
function isForbidden({ status }: DiscordAPIError): boolean {
  return status === 403 || status === 404;
}

/** Notices as the text of one message at that moment. */
function write({ writer }: SenderOptions, notices: readonly Notice[], now: number): string {
  return notices
    .map(({ at, text, count }) => {
      const moment = Date.parse(at);
      const when = now - moment > oldMs ? ` <t:${Math.floor(moment / 1_000)}:R>` : '';
      const times = count > 1 ? ` (${count} times)` : '';
      return `🔔${when}${times} ${writer.passage(text, longestPassage)}`;
    })
    .join('\n');
}
