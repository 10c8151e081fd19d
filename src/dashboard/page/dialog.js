// Asks the person to confirm, in a dialog that holds the focus. A question counts once; when its time is over, the dialog
// says so and closes by itself.

import { post, problemOf } from './api.js';
import { el } from './dom.js';
import { exact } from './words.js';

/** @type {Map<string, () => void>} how each open question of this page is closed */
const shown = new Map();

/**
 * Shows a question once, however often it is told.
 * @param {import('./api.js').Question} question
 * @param {(text: string) => void} [tell] what became of it
 */
export function askPerson({ id, tool, question, input, leftMs }, tell = () => {}) {
  if (shown.has(id)) return;
  const left = el('p', { class: 'quiet', role: 'timer' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const yes = el('button', { type: 'button', class: 'primary', value: 'yes' }, 'Confirm');
  const no = el('button', { type: 'button', value: 'no', autofocus: true }, 'Cancel');
  const dialog = el(
    'dialog',
    { 'aria-labelledby': `q-${id}` },
    el('h2', { id: `q-${id}` }, exact(question)),
    el('p', {}, 'This is what will be done, and nothing else:'),
    el('pre', { tabindex: 0, 'aria-label': 'Exact input' }, `${tool} ${exact(input)}`),
    left,
    problem,
    el('div', { class: 'row end' }, no, yes),
  );
  const close = () => {
    clearInterval(timer);
    shown.delete(id);
    dialog.close();
    dialog.remove();
  };
  const answer = async (/** @type {boolean} */ isYes) => {
    yes.disabled = no.disabled = true;
    try {
      await post('/api/answer', { id, yes: isYes });
      tell(isYes ? 'Confirmed.' : 'Cancelled.');
      close();
    } catch (error) {
      const { message, hint } = problemOf(error);
      problem.textContent = `${message} ${hint}`;
      tell(message);
      no.disabled = false;
      no.textContent = 'Close';
      no.onclick = close;
    }
  };
  // By the clock of the browser alone, which need not agree with the bot's.
  const endsAt = performance.now() + leftMs;
  const look = () => {
    const seconds = Math.ceil((endsAt - performance.now()) / 1_000);
    left.textContent = seconds > 0 ? `Without an answer it is not done; ${seconds} s left.` : '';
    if (seconds > 0) return;
    tell('The question has expired, and nothing was done.');
    close();
  };
  yes.onclick = () => void answer(true);
  // Until it was answered somewhere: then it only closes.
  no.onclick = () => void answer(false);
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    no.click();
  });
  const timer = setInterval(look, 1_000);
  shown.set(id, close);
  document.body.append(dialog);
  dialog.showModal();
  look();
}

/**
 * Closes the questions of the agent that are open no more.
 * @param {ReadonlySet<string>} known ids that were shown for the agent
 * @param {ReadonlySet<string>} open
 */
export function closeOthers(known, open) {
  for (const id of known) {
    if (open.has(id)) continue;
    shown.get(id)?.();
  }
}
