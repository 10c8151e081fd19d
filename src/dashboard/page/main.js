// The page: connects to the bot, shows the view that the address names, and says how the connection is.

import { askPerson, closeOthers } from './dialog.js';
import { button, byId, el, fill } from './dom.js';
import { drawProblem } from './draw.js';
import { createState } from './state.js';
import { startTheme } from './theme.js';
import { consoleView } from './views/console.js';
import { historyView } from './views/history.js';
import { overviewView } from './views/overview.js';
import { processView } from './views/process.js';
import { releasesView } from './views/releases.js';

/** @typedef {(state: import('./state.js').State, gone: AbortSignal, rest: string) => HTMLElement} View */

/** @type {Record<string, {title: string, show: View}>} */
const views = {
  '': { title: 'Processes', show: overviewView },
  console: { title: 'Console', show: consoleView },
  releases: { title: 'Releases', show: releasesView },
  history: { title: 'History', show: historyView },
  process: { title: 'Process', show: processView },
};

const state = createState();
const main = byId('main');
const banner = byId('banner');
let shown = new AbortController();

startTheme();
byId('skip').addEventListener('click', (event) => {
  // The address names the view, so a jump within the page must not change it.
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', () => route(true));
state.addEventListener('connection', showConnection);
state.addEventListener('restart', showRestart);
state.addEventListener('questions', showQuestions);
route(false);
state.connect();

/** @param {boolean} isMove */
function route(isMove) {
  const [name = '', ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  const view = views[name] ?? views[''];
  if (!view) return;
  shown.abort();
  shown = new AbortController();
  const argument = safeDecode(rest.join('/'));
  document.title = `${argument || view.title} · Understudy`;
  for (const link of document.querySelectorAll('nav a')) {
    const isHere = link.getAttribute('href') === `#/${name === 'process' ? '' : name}`;
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  fill(main, view.show(state, shown.signal, argument));
  // Whoever moves by keyboard begins at the new view.
  if (isMove && !main.querySelector(':focus')) main.focus({ preventScroll: true });
  if (isMove) scrollTo(0, 0);
}

/** @param {string} text */
function safeDecode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function showConnection() {
  const { connection, hello } = state;
  const place = byId('connection');
  place.className = connection;
  const name = `${hello?.role === 'staging' ? 'staging' : 'live'}${hello?.version ? ` ${hello.version}` : ''}`;
  place.textContent = {
    connecting: 'Connecting …',
    open: `● ${name}`,
    away: '○ away',
    locked: '○ locked',
    crowded: '○ waiting',
  }[connection];
  if (connection === 'away') {
    fill(
      banner,
      el(
        'p',
        {},
        'The bot does not answer: it is being restarted, or has ended. This page connects again by itself …',
      ),
    );
  } else if (connection === 'locked') {
    fill(
      banner,
      drawProblem({
        code: 'locked',
        message: 'The bot does not know this browser any more.',
        hint: 'Run `understudy dashboard` in the folder of the instance, and open the address that it prints.',
      }),
    );
  } else if (connection === 'crowded') {
    fill(
      banner,
      drawProblem({
        code: 'crowded',
        message: 'This page is open too often.',
        hint: 'Close some of its tabs; this one goes on by itself.',
      }),
    );
  } else if (connection === 'open' && banner.dataset.restart !== 'yes') fill(banner);
}

function showRestart() {
  const version = state.hello?.version ? ` (${state.hello.version})` : '';
  banner.dataset.restart = 'yes';
  fill(
    banner,
    el('p', {}, `The bot was restarted${version}, and this page is connected again. `),
    button('Reload the page', () => location.reload()),
    ' ',
    button('Dismiss', () => {
      delete banner.dataset.restart;
      fill(banner);
    }),
  );
}

/** @type {Set<string>} */
const asked = new Set();

function showQuestions() {
  const open = new Set(state.questions.map(({ id }) => id));
  closeOthers(asked, open);
  for (const question of state.questions) {
    asked.add(question.id);
    askPerson(question);
  }
}
