// The live log of one bot or process: what was printed last, and every new line as it comes, in a bounded part of the
// page. Search shows only the lines that have the word, and marks it; while it is paused, lines are kept aside.

import { button, el, fill } from './dom.js';
import { drawProblem } from './draw.js';
import { createLogLines } from './log-lines.js';
import { clean } from './words.js';

const keptLines = 5_000;

const shownLines = 1_000;

/** @typedef {import('./log-lines.js').Line} Line */

/**
 * @param {string} name
 * @param {import('./watch.js').Watch} watch
 */
export function logView(name, watch) {
  const log = createLogLines(keptLines);
  let [word, kind, isPaused, held] = ['', 'all', false, 0];

  const list = el('ol', {
    class: 'log',
    tabindex: 0,
    role: 'log',
    'aria-live': 'off',
    'aria-label': `Log of ${name}`,
  });
  const count = el('span', { class: 'quiet', role: 'status' }, 'Reading the log …');
  const trouble = el('div');
  const search = el('input', {
    type: 'search',
    placeholder: 'Search',
    'aria-label': 'Search the log',
    id: 'log-search',
  });
  const streams = el(
    'select',
    { 'aria-label': 'Stream' },
    ...[
      ['all', 'Both streams'],
      ['stdout', 'Standard output'],
      ['stderr', 'Standard error'],
    ].map(([value, text]) => el('option', { value }, text ?? '')),
  );
  const pause = button(
    'Pause',
    () => {
      isPaused = !isPaused;
      held = 0;
      pause.textContent = isPaused ? 'Go on' : 'Pause';
      pause.setAttribute('aria-pressed', String(isPaused));
      if (isPaused) say();
      else drawAll();
    },
    { 'aria-pressed': 'false' },
  );

  const isShown = (/** @type {Line} */ line) =>
    (kind === 'all' || line.stream === kind) && (word === '' || line.text.toLowerCase().includes(word));
  const atEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const say = () => {
    const found =
      word === ''
        ? `${log.lines.length} lines`
        : `${log.lines.filter(isShown).length} of ${log.lines.length} lines have “${word}”`;
    count.textContent = isPaused
      ? `Paused; ${held} new lines wait.`
      : `${found}${log.lines.length === keptLines ? ', the newest' : ''}`;
  };
  const drawAll = () => {
    const shown = log.lines.filter(isShown).slice(-shownLines);
    list.replaceChildren(...shown.map((line) => draw(line, word)));
    if (shown.length === 0)
      list.append(
        el(
          'li',
          { class: 'empty' },
          log.lines.length === 0 ? 'It has printed nothing yet.' : 'No line has this.',
        ),
      );
    list.scrollTop = list.scrollHeight;
    say();
  };
  const add = (/** @type {Line[]} */ fresh) => {
    const follows = atEnd();
    const shown = fresh.filter(isShown).slice(-shownLines);
    list.querySelector('.empty')?.remove();
    list.append(...shown.map((line) => draw(line, word)));
    while (list.childElementCount > shownLines) list.firstElementChild?.remove();
    if (follows) list.scrollTop = list.scrollHeight;
  };
  const take = (/** @type {import('./log-lines.js').LogNews} */ news) => {
    fill(trouble);
    const { added, isRedrawn } = log.take({
      ...news,
      lines: news.lines.map((line) => ({ ...line, text: clean(line.text) })),
    });
    held += added.length;
    if (isPaused) return say();
    if (isRedrawn) return drawAll();
    add(added);
    say();
  };

  search.addEventListener('input', () => {
    word = search.value.trim().toLowerCase();
    drawAll();
  });
  streams.addEventListener('change', () => {
    kind = streams.value;
    drawAll();
  });
  watch.on('lines', take);
  watch.on('log-problem', (problem) => {
    count.textContent = '';
    const again = button('Try again', () => {
      fill(trouble);
      watch.again();
    });
    fill(trouble, drawProblem(problem, again));
  });
  watch.onLost(() => {
    count.textContent = 'The log is interrupted; it goes on as soon as the bot answers.';
  });
  return el(
    'section',
    { 'aria-label': 'Log' },
    el('div', { class: 'row' }, search, streams, pause, count),
    trouble,
    list,
  );
}

/** @param {Line} line @param {string} word */
function draw({ stream, text }, word) {
  return el('li', { class: stream }, ...marked(text, word));
}

/** The text with every place of the word marked. @param {string} text @param {string} word */
function marked(text, word) {
  if (word === '') return [text];
  const low = text.toLowerCase();
  // Letters whose small form has another length would shift the places.
  if (low.length !== text.length) return [text];
  /** @type {(Node | string)[]} */
  const parts = [];
  let from = 0;
  for (let at = low.indexOf(word); at >= 0 && parts.length < 200; at = low.indexOf(word, from)) {
    parts.push(text.slice(from, at), el('mark', {}, text.slice(at, at + word.length)));
    from = at + word.length;
  }
  return [...parts, text.slice(from)];
}
