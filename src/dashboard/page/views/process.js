// One bot or process: its state, charts of what it uses, its hooks, and its live log.

import { call, problemOf } from '../api.js';
import { usageCharts } from '../chart.js';
import { el, fill, update } from '../dom.js';
import { chip, drawProblem } from '../draw.js';
import { logView } from '../log-view.js';
import { watch } from '../watch.js';
import { clean, duration, size, when } from '../words.js';
import { actionsFor } from './overview.js';

/** @type {import('../main.js').View} */
export function processView(state, gone, key) {
  const watched = watch(key, gone);
  const head = el('div');
  const more = el('div');
  const show = () => {
    const bot = state.rows.get(`bot:${key}`);
    const process = state.rows.get(`process:${key}`);
    if (bot) update(head, ...botHead(bot));
    else if (process) update(head, ...processHead(process));
    else update(head, el('h1', {}, key === 'live' ? 'The live bot' : clean(key)));
  };
  let before = '';
  const look = () => {
    show();
    const row = state.rows.get(`bot:${key}`) ?? state.rows.get(`process:${key}`);
    const now = `${row?.state ?? row?.status} ${row?.process ?? ''}`;
    if (!row || now === before) return;
    before = now;
    void showHooks(more, key);
  };
  state.listen('rows', gone, look);
  const timer = setInterval(show, 5_000);
  gone.addEventListener('abort', () => clearInterval(timer));
  look();
  return el(
    'div',
    {},
    el('p', {}, el('a', { href: '#/' }, '← All processes')),
    head,
    key === 'live' ? null : usageCharts(watched, gone),
    more,
    el('h2', {}, 'Log'),
    logView(key, watched),
  );
}

/** @param {any} bot */
function botHead({
  name,
  state,
  pid,
  lastStartAt,
  memoryBytes,
  restarts,
  startCount,
  detail,
  description,
  retryAt,
  log,
}) {
  const isUp = pid !== null;
  return [
    el(
      'div',
      { class: 'row spread' },
      el('h1', {}, clean(name), ' ', chip(state)),
      actionsFor(name, { isUp, isPaused: state === 'paused', isBot: true }),
    ),
    facts([
      ['What it is', description],
      ['Now', detail],
      ['PID', isUp ? String(pid) : null],
      ['Up', isUp && lastStartAt ? duration((Date.now() - Date.parse(lastStartAt)) / 1_000) : null],
      ['Memory', memoryBytes === null ? null : size(memoryBytes)],
      ['Starts', `${startCount}, ${restarts} by itself since somebody asked for it`],
      ['Next try', retryAt ? when(retryAt) : null],
      ['Log file', log.replace(/^.*\/(?=(?:staging\/)?logs\/)/, '')],
    ]),
  ];
}

/** @param {any} process */
function processHead({
  id,
  name,
  status,
  pid,
  exitCode,
  signal,
  command,
  directory,
  startedAt,
  endedAt,
  stopReason,
  peakMemoryBytes,
  agent,
}) {
  const isUp = status === 'running' || status === 'paused';
  const actions = actionsFor(id, { isUp, isPaused: status === 'paused', isBot: false, title: name });
  return [
    el('div', { class: 'row spread' }, el('h1', {}, clean(name), ' ', chip(status)), actions),
    facts([
      ['Command', command],
      ['Directory', directory],
      ['Id', id],
      ['PID', isUp && pid !== null ? String(pid) : null],
      ['Exit code', exitCode === null ? null : `${exitCode}${signal ? ` (${signal})` : ''}`],
      ['Started', when(startedAt)],
      ['Ended', endedAt ? when(endedAt) : null],
      ['Stopped', stopReason],
      ['Peak memory', peakMemoryBytes === null ? null : size(peakMemoryBytes)],
      ['Agent', agent],
    ]),
  ];
}

/** @param {(string | null | undefined)[][]} rows */
function facts(rows) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return el(
    'dl',
    {},
    ...known.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, clean(value ?? ''))]),
  );
}

/** @param {HTMLElement} place @param {string} key */
async function showHooks(place, key) {
  try {
    const { output } = await call('status', { process: key }, { isRepeated: true });
    const hooks = output.hooks.map((/** @type {any} */ { trigger, action, fireCount, maxFires }) =>
      el(
        'li',
        {},
        `When ${clean(trigger)}: ${action}; fired ${fireCount}${maxFires === 0 ? '' : ` of ${maxFires}`}`,
      ),
    );
    fill(
      place,
      hooks.length > 0 ? el('h2', {}, 'Hooks') : null,
      hooks.length > 0 ? el('ul', {}, ...hooks) : null,
    );
  } catch (error) {
    fill(place, drawProblem(problemOf(error)));
  }
}
