// What was asked for with a button: how it goes, and how it ended, at the foot of the page until it is dismissed.

import { call, problemOf } from './api.js';
import { askPerson } from './dialog.js';
import { button, byId, el, fill } from './dom.js';
import { drawProblem, drawView } from './draw.js';
import { clean } from './words.js';

const mostShown = 4;

/**
 * Runs a tool and shows its course.
 * @param {string} title
 * @param {string} tool
 * @param {Record<string, unknown>} input
 * @returns {Promise<any>} its output; undefined when it failed
 */
export async function act(title, tool, input) {
  const place = byId('activity');
  const body = el('div', {}, el('p', { class: 'quiet' }, 'Under way …'));
  const entry = el('article', { class: 'entry' });
  const dismiss = button('×', () => entry.remove(), { 'aria-label': `Dismiss: ${title}`, class: 'plain' });
  fill(entry, el('div', { class: 'row spread' }, el('strong', {}, title), dismiss), body);
  place.prepend(entry);
  for (const old of [...place.children].slice(mostShown)) old.remove();
  try {
    const result = await call(tool, input, { listener: listenerFor(body) });
    entry.classList.add(result.failed ? 'bad' : 'good');
    fill(body, ...notesOf(body), drawView(result.view));
    return result.output;
  } catch (error) {
    entry.classList.add('bad');
    fill(body, ...notesOf(body), drawProblem(problemOf(error)));
    return undefined;
  }
}

/**
 * Shows steps and notices in an element, and questions in a dialog.
 * @param {HTMLElement} body
 * @returns {import('./api.js').Listener}
 */
export function listenerFor(body) {
  const step = (/** @type {string} */ text) => {
    fill(body, ...notesOf(body), el('p', { class: 'quiet' }, text));
  };
  return {
    progress: ({ message, fraction }) =>
      step(`${clean(message)}${fraction === undefined ? '' : ` (${Math.round(fraction * 100)} %)`} …`),
    notice: (message) => body.prepend(el('p', { class: 'note' }, clean(message))),
    question: (question) => {
      step('Waits for your confirmation …');
      askPerson(question, step);
    },
  };
}

/** @param {HTMLElement} body @returns {Element[]} */
export function notesOf(body) {
  return [...body.querySelectorAll(':scope > .note')];
}
