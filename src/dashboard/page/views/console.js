// The console: commands and the conversation with the agent in one place. What begins with a slash is a command, and
// everything else is said to the agent. Commands that were typed stay in this tab; the conversation stays with the bot.

import { listenerFor, notesOf } from '../activity.js';
import { call, get, post, problemOf } from '../api.js';
import { commandInput } from '../command-input.js';
import { isCommand, understand } from '../command-line.js';
import { button, el, fill } from '../dom.js';
import { drawProblem, drawView } from '../draw.js';
import { clean, when } from '../words.js';

const mostEntries = 100;

const noAgent = {
  code: 'no_agent',
  message: 'There is no agent to talk to.',
  hint: 'Set ANTHROPIC_API_KEY or OPENAI_API_KEY in .env and restart the bot. Commands work: /process list',
};

/** @type {HTMLElement[]} what was typed in this tab, with its results: it outlives a change of the view */
const entries = [];

/** @type {import('../main.js').View} */
export function consoleView(state, gone) {
  const list = el('div', {
    class: 'talk',
    role: 'log',
    'aria-live': 'polite',
    'aria-label': 'Commands and conversation',
  });
  /** @type {Map<number, {element: HTMLElement, drawn: unknown}>} */
  const drawn = new Map();
  const bottom = () => {
    list.scrollTop = list.scrollHeight;
  };
  const put = (/** @type {HTMLElement} */ element, /** @type {string} */ at) => {
    element.dataset.at = at;
    const after = [...list.children].find((other) => (other.getAttribute('data-at') ?? '') > at);
    list.insertBefore(element, after ?? null);
  };
  const showMessages = () => {
    const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    for (const message of state.messages.values()) {
      const known = drawn.get(message.id);
      if (known?.drawn === message) continue;
      const element = known?.element ?? el('article', {});
      drawMessage(element, message);
      if (!known) put(element, message.at);
      drawn.set(message.id, { element, drawn: message });
    }
    for (const [id, { element }] of drawn) {
      if (state.messages.has(id)) continue;
      element.remove();
      drawn.delete(id);
    }
    const isAtWork = [...state.messages.values()].some(({ state: each }) => each === 'growing');
    stop.hidden = !state.hello?.hasAgent;
    stop.disabled = !isAtWork;
    if (follows) bottom();
  };
  const run = async (/** @type {string} */ line) => {
    const body = el('div', {}, el('p', { class: 'quiet' }, 'Under way …'));
    const entry = el('article', { class: 'person' }, el('p', {}, el('code', {}, clean(line))), body);
    entries.push(entry);
    for (const old of entries.splice(0, entries.length - mostEntries)) old.remove();
    put(entry, new Date().toISOString());
    bottom();
    if (state.tools.length === 0)
      state.tools = (await get('/api/catalogue').catch(() => ({ tools: [] }))).tools;
    const found = understand(line, state.tools);
    if ('problem' in found) {
      fill(
        body,
        drawProblem({ code: 'usage', message: found.problem, hint: 'Tab completes what you type.' }),
      );
    } else {
      try {
        const { view } = await call(found.tool.name, found.input, { listener: listenerFor(body) });
        fill(body, ...notesOf(body), drawView(view));
      } catch (error) {
        fill(body, ...notesOf(body), drawProblem(problemOf(error)));
      }
    }
    bottom();
  };
  const say = async (/** @type {string} */ text) => {
    try {
      if (state.hello?.hasAgent === false) throw noAgent;
      await post('/api/say', { text });
    } catch (error) {
      const problem = el(
        'article',
        { class: 'person' },
        el('p', {}, clean(text)),
        drawProblem(problemOf(error)),
      );
      entries.push(problem);
      put(problem, new Date().toISOString());
    }
    bottom();
  };
  const stop = button('Stop the agent', async () => {
    const said = await post('/api/stop', {}).then(
      async (response) => (await response.json()).text,
      (error) => problemOf(error).message,
    );
    status.textContent = said;
  });
  const status = el('span', { class: 'quiet', role: 'status' });
  const hint = el('p', { class: 'quiet' });
  const showHint = () => {
    hint.textContent = state.hello?.hasAgent
      ? 'Commands begin with a slash; everything else is said to the agent. Tab completes, ↑ brings back what was typed.'
      : 'Commands begin with a slash: /process list. There is no agent to talk to: set ANTHROPIC_API_KEY or OPENAI_API_KEY in .env and restart the bot. Tab completes, ↑ brings back what was typed.';
    showMessages();
  };
  for (const entry of entries) list.append(entry);
  state.listen('messages', gone, showMessages);
  state.listen('connection', gone, showHint);
  const input = commandInput(state, (line) => void (isCommand(line) ? run(line) : say(line)));
  showHint();
  queueMicrotask(() => {
    bottom();
    input.focus();
  });
  return el(
    'div',
    { class: 'console' },
    el('h1', {}, 'Console'),
    hint,
    list,
    input.element,
    el('div', { class: 'row' }, stop, status),
  );
}

/** @param {HTMLElement} element @param {import('../state.js').Message} message */
function drawMessage(element, { author, state, text, doing, at }) {
  element.className = author;
  element.title = when(at);
  const names = /** @type {Record<string, string>} */ ({
    person: 'You',
    agent: 'Agent',
    notice: 'Understudy',
  });
  fill(
    element,
    el('p', { class: 'who' }, names[author] ?? author),
    text ? el('div', { class: 'said' }, clean(text)) : null,
    state === 'growing' ? el('p', { class: 'quiet' }, `${clean(doing || 'writing')} …`) : null,
    state === 'cut'
      ? el('p', { class: 'quiet' }, 'The bot ended here; if the work goes on, it goes on below.')
      : null,
  );
}
