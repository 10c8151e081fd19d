// One message that changes while somebody looks at it. It is edited at most once in a pause, the newest state wins, and
// two edits are never under way at once. The pause counts from the end of the edit before, so that Discord's own
// waiting is part of it.

import type { Logger } from '../../skills/tool.ts';
import type { Edited } from './delivery.ts';
import type { Payload } from './render/payload.ts';
import type { Timing } from './surroundings.ts';

const attempts = 7;

/** A message that is being kept up to date. */
export interface LiveMessage {
  /** Wants this to stand there; drawn when its turn comes, so that it is never older than it must be. */
  show(draw: () => Payload): void;
  /** The last state; resolves when Discord has it, or says why it has not. Nothing is shown after it. */
  finish(payload: Payload): Promise<Ending>;
  /** True once nothing more will be shown. */
  readonly isOver: boolean;
  /** Gives up whatever has not been sent. */
  abandon(): void;
}

/** `gone`: it can never stand there. `failed`: Discord could not be reached for long, or this process ends. */
export type Ending = 'delivered' | 'gone' | 'failed';

/** Keeps one message. */
export function createLiveMessage(
  edit: (payload: Payload) => Promise<Edited>,
  { editMs, editRetryMs }: Pick<Timing, 'editMs' | 'editRetryMs'>,
  logger: Logger,
  onEnd: () => void,
): LiveMessage {
  let wanted: (() => Payload) | undefined;
  let last: Payload | undefined;
  let ending: { payload: Payload; resolve: (ending: Ending) => void } | undefined;
  let closed = false;
  let isGone = false;
  let working = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let freeAt = 0;

  const end = (how: Ending) => {
    closed = true;
    isGone = how === 'gone';
    clearTimeout(timer);
    ending?.resolve(how);
    onEnd();
  };
  const plan = () => {
    if (closed || working || (!wanted && !ending)) return;
    clearTimeout(timer);
    timer = setTimeout(() => void send(), Math.max(0, freeAt - performance.now()));
  };
  const send = async () => {
    working = true;
    const final = ending;
    const draw = final ? () => final.payload : wanted;
    wanted = undefined;
    try {
      const payload = draw?.();
      // What stands there already needs no request.
      const isNew = payload !== undefined && (final !== undefined || !isSame(payload, last));
      const outcome = isNew ? await edit(payload) : 'done';
      if (isNew) freeAt = performance.now() + editMs;
      if (outcome === 'refused') logger.warn({ final: final !== undefined }, 'Discord refuses an edit');
      failures = 0;
      last = payload ?? last;
      if (outcome === 'gone' || (final && outcome === 'refused')) end('gone');
      else if (final) end('delivered');
    } catch (error) {
      failures++;
      freeAt = performance.now() + editMs + editRetryMs * 2 ** Math.min(failures - 1, attempts);
      if (failures < attempts) {
        // Unless something newer has come meanwhile, it is still what should stand there.
        wanted ??= draw;
        logger.debug({ error: String(error) }, 'a message could not be edited this time');
      } else if (final) {
        logger.warn({ error: String(error) }, 'the end of a conversation could not be brought to Discord');
        end('failed');
      }
    } finally {
      working = false;
      plan();
    }
  };
  return {
    show(draw) {
      if (ending || closed) return;
      wanted = draw;
      plan();
    },
    finish(payload) {
      if (closed) return Promise.resolve(isGone ? 'gone' : 'failed');
      return new Promise((resolve) => {
        ending = { payload, resolve };
        failures = 0;
        plan();
      });
    },
    get isOver() {
      return closed;
    },
    abandon: () => end('failed'),
  };
}

function isSame(one: Payload, other: Payload | undefined): boolean {
  return other !== undefined && JSON.stringify(one) === JSON.stringify(other);
}
