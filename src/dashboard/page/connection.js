// Streams of events from the server. One that breaks is opened again, soon at first and then less often, until nobody
// wants it any more; whoever wants it is told meanwhile how it is.

import { get } from './api.js';

const firstWaitMs = 500;
const longestWaitMs = 5_000;
/** The server speaks at least every 15 seconds; half-open connections say nothing at all. */
const silenceMs = 40_000;
/** A browser has six connections to a host, so a tab that nobody sees gives its own back after this time. */
const hiddenMs = 5_000;

/**
 * @typedef {object} Handlers
 * @property {Record<string, (data: any) => void>} on by the name of the event
 * @property {() => void} [opened]
 * @property {(reason: 'away' | 'locked' | 'crowded') => void} [lost]
 * @property {() => boolean} [isWanted] false when a stream that ends is not to be opened again
 */

/**
 * Opens a stream; the returned function ends it.
 * @param {string} path
 * @param {Handlers} handlers
 * @param {boolean} [beats] whether the server sends something all the time
 */
export function subscribe(path, { on, opened, lost, isWanted = () => true }, beats = false) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {number | undefined} */
  let timer;
  /** @type {number | undefined} */
  let silence;
  let wait = firstWaitMs;
  let isOver = false;
  let hasOpened = false;

  const heard = () => {
    clearTimeout(silence);
    if (beats) silence = setTimeout(broken, silenceMs);
  };
  const broken = async () => {
    source?.close();
    clearTimeout(silence);
    if (isOver) return;
    if (!isWanted()) return;
    source = undefined;
    clearTimeout(timer);
    timer = setTimeout(open, wait);
    wait = Math.min(longestWaitMs, wait * 1.6);
    // A stream does not say why it could not be opened.
    const wasOpen = hasOpened;
    hasOpened = false;
    const reason = await get('/api/catalogue').then(
      // Everything else is answered: there are as many streams as there may be.
      () => (wasOpen ? undefined : 'crowded'),
      (error) => (error.code === 'not_let_in' ? 'locked' : 'away'),
    );
    // It may be open again by now.
    if (reason && !isOver && !hasOpened) lost?.(reason);
  };
  const open = () => {
    clearTimeout(timer);
    if (isOver || document.hidden) return;
    source = new EventSource(path);
    source.onopen = () => {
      wait = firstWaitMs;
      hasOpened = true;
      heard();
      opened?.();
    };
    source.onerror = () => void broken();
    source.addEventListener('beat', heard);
    for (const [event, act] of Object.entries(on)) {
      source.addEventListener(event, (message) => {
        heard();
        act(JSON.parse(message.data));
      });
    }
  };
  /** @type {number | undefined} */
  let leaving;
  const seen = new AbortController();
  const look = () => {
    clearTimeout(leaving);
    if (!document.hidden && !source && isWanted()) open();
    if (!document.hidden) return;
    leaving = setTimeout(() => {
      source?.close();
      source = undefined;
      clearTimeout(timer);
      clearTimeout(silence);
    }, hiddenMs);
  };
  document.addEventListener('visibilitychange', look, { signal: seen.signal });
  open();
  return () => {
    isOver = true;
    seen.abort();
    clearTimeout(leaving);
    clearTimeout(timer);
    clearTimeout(silence);
    source?.close();
  };
}
