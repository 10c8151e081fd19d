// Draws the results of tools, states, and problems, in the same way wherever they appear.

import { el } from './dom.js';
import { clean, mood } from './words.js';

/**
 * A state as a word with a colour.
 * @param {string} state
 */
export function chip(state) {
  return el('span', { class: `chip ${mood(state)}` }, state);
}

/**
 * A tool's view: headings, tables, text.
 * @param {import('./api.js').View} view
 */
export function drawView({ heading, table, tables = [], text, notes = [] }) {
  const all = [...(table ? [table] : []), ...tables].filter(({ rows }) => rows.length > 0);
  const lines = notes.join('\n').trim();
  return el(
    'div',
    { class: 'view' },
    heading ? el('p', { class: 'strong' }, clean(heading)) : null,
    ...all.map(drawTable),
    text ? el('pre', {}, clean(text)) : null,
    lines ? el('pre', {}, clean(lines)) : null,
  );
}

/**
 * A table that becomes a list of cards where there is no room for it.
 * @param {import('./api.js').Table} table
 */
function drawTable({ columns, rows }) {
  const hasHeadings = columns.some((column) => column !== '');
  return el(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Result' },
    el(
      'table',
      {},
      hasHeadings
        ? el('thead', {}, el('tr', {}, ...columns.map((column) => el('th', { scope: 'col' }, column))))
        : null,
      el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map((cell) => el('td', {}, clean(cell)))))),
    ),
  );
}

/**
 * What went wrong, and what to do next.
 * @param {import('./api.js').Problem} problem
 * @param {...Node} more
 */
export function drawProblem({ message, hint }, ...more) {
  return el(
    'div',
    { class: 'problem', role: 'alert' },
    el('p', {}, clean(message)),
    el('p', {}, clean(hint)),
    ...more,
  );
}

/**
 * A place where nothing is yet, and how that changes.
 * @param {string} text
 * @param {...(Node | string)} next
 */
export function drawEmpty(text, ...next) {
  return el('div', { class: 'empty' }, el('p', {}, text), el('p', {}, ...next));
}
