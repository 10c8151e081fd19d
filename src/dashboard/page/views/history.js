// Who did what, and how it ended.

import { call, problemOf } from '../api.js';
import { button, el, fill } from '../dom.js';
import { chip, drawEmpty, drawProblem } from '../draw.js';
import { age, clean, when } from '../words.js';

const asked = 500;

/** @type {import('../main.js').View} */
export function historyView(state, gone) {
  /** @type {any[]} */
  let entries = [];
  const place = el('div', {}, el('p', { class: 'quiet' }, 'Reading the history …'));
  const count = el('span', { class: 'quiet', role: 'status' });
  const text = el('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search the history' });
  const action = choice('Action');
  const actor = choice('Who');
  const outcome = choice('Outcome');
  const show = () => {
    const word = text.value.trim().toLowerCase();
    const found = entries.filter(
      (entry) =>
        [action, actor, outcome].every(({ name, value }) => value === '' || entry[name] === value) &&
        (word === '' ||
          `${entry.actor} ${entry.action} ${entry.subject} ${entry.detail}`.toLowerCase().includes(word)),
    );
    count.textContent = `${found.length} of the newest ${entries.length} entries`;
    fill(
      place,
      entries.length === 0
        ? drawEmpty(
            'Nothing was done yet.',
            'Whatever somebody does here, on Discord or in a shell is written down.',
          )
        : found.length === 0
          ? drawEmpty('No entry is like this.', 'Change the filters above.')
          : table(found),
    );
  };
  const look = async () => {
    try {
      const { output } = await call('history', { limit: asked }, { isRepeated: true });
      entries = output.entries;
      for (const select of [action, actor, outcome]) offer(select, entries);
      show();
    } catch (error) {
      fill(
        place,
        drawProblem(
          problemOf(error),
          button('Try again', () => void look()),
        ),
      );
    }
  };
  for (const field of [text, action, actor, outcome]) field.addEventListener('input', show);
  state.listen('connection', gone, () => state.connection === 'open' && void look());
  void look();
  return el(
    'div',
    {},
    el('h1', {}, 'History'),
    el(
      'div',
      { class: 'row' },
      text,
      action,
      actor,
      outcome,
      button('Refresh', () => void look()),
      count,
    ),
    place,
  );
}

/** @param {string} label */
function choice(label) {
  const name = { Action: 'action', Who: 'actor', Outcome: 'outcome' }[label] ?? '';
  return el('select', { name, 'aria-label': label }, el('option', { value: '' }, `${label}: all`));
}

/** @param {HTMLSelectElement} select @param {readonly any[]} entries */
function offer(select, entries) {
  const { value } = select;
  const values = [...new Set(entries.map((entry) => entry[select.name]))].sort();
  fill(
    select,
    /** @type {Node} */ (select.options[0]),
    ...values.map((each) => el('option', { value: each }, clean(each))),
  );
  select.value = values.includes(value) ? value : '';
}

/** @param {readonly any[]} entries */
function table(entries) {
  const columns = ['When', 'Who', 'Action', 'Subject', 'Outcome', 'Detail'];
  const row = (/** @type {any} */ { at, actor, action, subject, outcome, detail }) =>
    el(
      'tr',
      {},
      el('td', { 'data-label': 'When', title: when(at) }, age(at)),
      el('td', { 'data-label': 'Who' }, clean(actor)),
      el('td', { 'data-label': 'Action' }, clean(action)),
      el('td', { 'data-label': 'Subject' }, clean(subject).slice(0, 300)),
      el('td', { 'data-label': 'Outcome' }, chip(outcome)),
      el('td', { 'data-label': 'Detail' }, clean(detail).slice(0, 500)),
    );
  return el(
    'table',
    { class: 'cards' },
    el('thead', {}, el('tr', {}, ...columns.map((column) => el('th', { scope: 'col' }, column)))),
    el('tbody', {}, ...entries.map(row)),
  );
}
