// What the server tells of one bot or process while somebody looks at it: its log and what it uses, in one stream.

import { subscribe } from './connection.js';

const events = ['lines', 'log-problem', 'samples', 'sample'];

/**
 * @typedef {object} Watch
 * @property {(event: string, act: (data: any) => void) => void} on
 * @property {(act: () => void) => void} onLost
 * @property {() => void} again asks once more for what was refused
 */

/**
 * Begins to watch, as soon as everybody has said what they want to hear.
 * @param {string} name
 * @param {AbortSignal} gone
 * @returns {Watch}
 */
export function watch(name, gone) {
  /** @type {Map<string, (data: any) => void>} */
  const acts = new Map();
  /** @type {(() => void) | undefined} */
  let lost;
  let isRefused = false;
  let stop = () => {};
  const start = () => {
    if (gone.aborted) return;
    stop();
    isRefused = false;
    stop = subscribe(`/api/watch?process=${encodeURIComponent(name)}`, {
      on: Object.fromEntries(
        events.map((event) => [
          event,
          (/** @type {any} */ data) => {
            // Asked again and again, a refusal would fill the history.
            if (event === 'log-problem') isRefused = true;
            acts.get(event)?.(data);
          },
        ]),
      ),
      lost: () => lost?.(),
      isWanted: () => !isRefused,
    });
  };
  gone.addEventListener('abort', () => stop());
  queueMicrotask(start);
  return {
    on(event, act) {
      acts.set(event, act);
    },
    onLost(act) {
      lost = act;
    },
    again: start,
  };
}
