// All bots and processes, with their state as it is now, and what can be done with them.

import { act } from '../activity.js';
import { button, el, fill, update } from '../dom.js';
import { chip, drawEmpty, drawProblem } from '../draw.js';
import { age, clean, duration, size } from '../words.js';

/** @type {import('../main.js').View} */
export function overviewView(state, gone) {
  const bots = el('div');
  const processes = el('div');
  const show = () => {
    if (state.problem) {
      fill(bots, drawProblem(state.problem));
      fill(processes);
      return;
    }
    if (!state.isKnown) return fill(bots, el('p', { class: 'quiet' }, 'Asking the bot what runs …'));
    // Where a bot runs is worth a column only where not all of them run here.
    const isSpread = state.bots.some(({ runner }) => runner !== undefined && runner !== 'local');
    const columns = [
      'Bot',
      'State',
      ...(isSpread ? ['Runs on'] : []),
      'PID',
      'Up',
      'Memory',
      'Restarts',
      'Do',
    ];
    update(
      bots,
      table(
        columns,
        state.bots.map((bot) => botRow(bot, isSpread)),
      ),
    );
    const rows = state.processes.map(processRow);
    update(
      processes,
      rows.length > 0
        ? table(['Process', 'State', 'PID', 'Started', 'Command', 'Do'], rows)
        : drawEmpty(
            'Nothing runs, and nothing ended within the last day.',
            'Start something with the form below, or in the ',
            el('a', { href: '#/console' }, 'console'),
            '.',
          ),
    );
  };
  state.listen('rows', gone, show);
  const timer = setInterval(show, 10_000);
  gone.addEventListener('abort', () => clearInterval(timer));
  show();
  return el(
    'div',
    {},
    el('h1', {}, 'Bots'),
    bots,
    el('p', {}, el('a', { href: '#/process/live' }, 'Log of the live bot itself')),
    el('h2', {}, 'Processes'),
    processes,
    runForm(),
  );
}

/** @param {string[]} columns @param {HTMLElement[]} rows */
function table(columns, rows) {
  return el(
    'table',
    { class: 'cards' },
    el('thead', {}, el('tr', {}, ...columns.map((column) => el('th', { scope: 'col' }, column)))),
    el('tbody', {}, ...rows),
  );
}

/** @param {string} label @param {...(Node | string)} content */
function cell(label, ...content) {
  return el('td', { 'data-label': label }, ...content);
}

/** @param {any} bot @param {boolean} isSpread */
function botRow(bot, isSpread) {
  const { name, state, pid, lastStartAt, memoryBytes, restarts, detail, description, startCount } = bot;
  const place = bot.runner === 'local' ? 'this machine' : (bot.node ?? bot.runner);
  const isUp = pid !== null;
  return el(
    'tr',
    { 'data-row': `bot:${name}` },
    cell('Bot', link(name, name), note(detail ?? description)),
    cell('State', chip(startCount === 0 && state === 'stopped' ? 'never started' : state)),
    ...(isSpread ? [cell('Runs on', clean(place))] : []),
    cell('PID', isUp ? String(pid) : '–'),
    cell('Up', isUp && lastStartAt ? duration((Date.now() - Date.parse(lastStartAt)) / 1_000) : '–'),
    cell('Memory', size(memoryBytes)),
    cell('Restarts', String(restarts)),
    cell('Do', actionsFor(name, { isUp, isPaused: state === 'paused', isBot: true })),
  );
}

/** @param {any} process */
function processRow(process) {
  const { id, name, status, exitCode, signal, pid, startedAt, command } = process;
  const isUp = status === 'running' || status === 'paused';
  const ending = isUp ? '' : signal ? ` (${signal})` : exitCode === null ? '' : ` ${exitCode}`;
  return el(
    'tr',
    { 'data-row': `process:${name}` },
    cell('Process', link(id, name)),
    cell('State', chip(`${status}${ending}`)),
    cell('PID', isUp && pid !== null ? String(pid) : '–'),
    cell('Started', age(startedAt)),
    cell('Command', el('code', {}, clean(command).slice(0, 300))),
    cell('Do', actionsFor(id, { isUp, isPaused: status === 'paused', isBot: false, title: name })),
  );
}

/**
 * The buttons of a bot or process.
 * @param {string} key
 * @param {{isUp: boolean, isPaused: boolean, isBot: boolean, title?: string}} what
 */
export function actionsFor(key, { isUp, isPaused, isBot, title = key }) {
  const name = clean(title);
  const make = (
    /** @type {string} */ word,
    /** @type {string} */ tool,
    /** @type {Record<string, unknown>} */ input,
  ) =>
    button(word, () => void act(`${word} ${name}`, tool, input), {
      'aria-label': `${word} ${name}`,
      'data-key': `${tool}:${key}`,
    });
  const own = { [isBot ? 'bot' : 'process']: key };
  const process = { process: key };
  const pause = isPaused ? make('Resume', 'resume', process) : make('Pause', 'pause', process);
  const all = isBot
    ? isUp
      ? [make('Restart', 'restart', own), pause, make('Stop', 'stop', own)]
      : [make('Start', 'start', own)]
    : isUp
      ? [pause, make('Kill', 'kill', process)]
      : [];
  return el('span', { class: 'row' }, ...all);
}

/** @param {string} key @param {string} name */
function link(key, name) {
  return el('a', { href: `#/process/${encodeURIComponent(key)}`, 'data-key': `link:${key}` }, clean(name));
}

/** @param {string | null} text */
function note(text) {
  return text ? el('small', {}, clean(text)) : '';
}

function runForm() {
  const command = el('input', {
    name: 'command',
    required: true,
    placeholder: 'npm test',
    'aria-label': 'Command',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const name = el('input', {
    name: 'name',
    placeholder: 'Name (optional)',
    'aria-label': 'Name',
    autocomplete: 'off',
  });
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const input = {
      command: command.value,
      ...(name.value.trim() === '' ? {} : { name: name.value.trim() }),
    };
    void act(`Run ${command.value.slice(0, 60)}`, 'run', input);
  };
  return el(
    'form',
    { on: { submit }, 'aria-label': 'Run a command' },
    el('h2', {}, 'Run a command'),
    el('div', { class: 'row' }, command, name, el('button', { type: 'submit', class: 'primary' }, 'Run')),
  );
}
