// The line where commands are typed: suggestions for the word at the end, and what was typed before by the arrow keys.

import { call } from './api.js';
import { complete, isCommand, quoted } from './command-line.js';
import { el, fill } from './dom.js';
import { clean } from './words.js';

const keptLines = 100;

/**
 * @param {import('./state.js').State} state
 * @param {(line: string) => void} send
 */
export function commandInput(state, send) {
  const input = el('input', {
    ...{
      id: 'command',
      type: 'text',
      role: 'combobox',
      'aria-label': 'Command or message',
      maxlength: 8_000,
    },
    ...{ 'aria-controls': 'suggestions', 'aria-expanded': 'false', 'aria-autocomplete': 'list' },
    ...{ autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', placeholder: '/process list' },
  });
  const list = el('ul', { id: 'suggestions', role: 'listbox', 'aria-label': 'Suggestions', hidden: true });
  const typed = readTyped();
  let place = typed.length;
  /** @type {import('./command-line.js').Suggestion[]} */
  let versions = [];
  const readVersions = async () => {
    const { output } = await call('releases', {}, { isRepeated: true }).catch(() => ({
      output: { releases: [] },
    }));
    versions = output.releases.map((/** @type {any} */ release) => ({
      value: release.version,
      explains: release.state,
    }));
  };
  let chosen = -1;
  /** @type {ReturnType<typeof complete>} */
  let now = { start: 0, suggestions: [] };
  const close = () => {
    chosen = -1;
    now = { start: 0, suggestions: [] };
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };
  const mark = () => {
    for (const [index, item] of [...list.children].entries()) {
      item.setAttribute('aria-selected', String(index === chosen));
      if (index === chosen) item.scrollIntoView({ block: 'nearest' });
    }
    if (chosen >= 0) input.setAttribute('aria-activedescendant', `suggestion-${chosen}`);
    else input.removeAttribute('aria-activedescendant');
  };
  const suggest = () => {
    if (!isCommand(input.value)) return close();
    now = complete(input.value, state.tools, namesOf(state, versions));
    if (now.suggestions.length === 0) return close();
    chosen = -1;
    fill(
      list,
      ...now.suggestions.map(({ value, explains }, index) =>
        el(
          'li',
          {
            id: `suggestion-${index}`,
            role: 'option',
            on: { mousedown: (/** @type {Event} */ event) => take(event, index) },
          },
          el('strong', {}, clean(value)),
          ' ',
          el('span', { class: 'quiet' }, clean(explains)),
        ),
      ),
    );
    list.hidden = false;
    input.setAttribute('aria-expanded', 'true');
    mark();
  };
  const take = (/** @type {Event} */ event, /** @type {number} */ index) => {
    event.preventDefault();
    const suggestion = now.suggestions[index];
    if (!suggestion) return;
    input.value = `${input.value.slice(0, now.start)}${quoted(suggestion.value)} `;
    suggest();
  };
  const recall = (/** @type {number} */ step) => {
    place = Math.max(0, Math.min(typed.length, place + step));
    input.value = typed[place] ?? '';
    close();
  };
  const submit = () => {
    const line = input.value.trim();
    if (line === '') return;
    if (typed.at(-1) !== line) typed.push(line);
    typed.splice(0, typed.length - keptLines);
    sessionStorage.setItem('typed', JSON.stringify(typed));
    place = typed.length;
    input.value = '';
    close();
    send(line);
  };
  input.addEventListener('input', suggest);
  input.addEventListener('focus', () => void readVersions(), { once: true });
  input.addEventListener('blur', close);
  input.addEventListener('keydown', (event) => {
    const isOpen = !list.hidden;
    const { key } = event;
    if (key === 'Tab' && isOpen && !event.shiftKey) take(event, Math.max(0, chosen));
    else if (key === 'Enter' && isOpen && chosen >= 0) take(event, chosen);
    else if (key === 'Enter') submit();
    else if (key === 'Escape' && isOpen) close();
    else if ((key === 'ArrowDown' || key === 'ArrowUp') && isOpen) {
      const last = now.suggestions.length - 1;
      chosen = key === 'ArrowDown' ? (chosen >= last ? 0 : chosen + 1) : chosen <= 0 ? last : chosen - 1;
      mark();
    } else if (key === 'ArrowUp') recall(-1);
    else if (key === 'ArrowDown') recall(1);
    else return;
    event.preventDefault();
  });
  return { element: el('div', { class: 'command' }, list, input), focus: () => input.focus() };
}

/** @param {import('./state.js').State} state @param {readonly import('./command-line.js').Suggestion[]} versions */
function namesOf(state, versions) {
  const bots = state.bots.map(({ name, state: how }) => ({ value: name, explains: `bot, ${how}` }));
  const taken = [...state.bots, ...state.processes].map(({ name }) => name);
  const processes = state.processes.map(({ id, name, status, command }) => ({
    // A name that several have would be refused.
    value: taken.filter((other) => other === name).length === 1 ? name : id,
    explains: `${name}, ${status}: ${command.slice(0, 60)}`,
  }));
  return { bots, processes, versions };
}

/** @returns {string[]} */
function readTyped() {
  try {
    const kept = JSON.parse(sessionStorage.getItem('typed') ?? '[]');
    return Array.isArray(kept) ? kept.filter((line) => typeof line === 'string').slice(-keptLines) : [];
  } catch {
    return [];
  }
}
