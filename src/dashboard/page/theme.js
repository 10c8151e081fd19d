// Light or dark: as the machine says, until somebody chooses.

import { byId } from './dom.js';

const order = ['auto', 'light', 'dark'];
const names = { auto: 'as the machine', light: 'light', dark: 'dark' };

/** Applies the choice of before, and makes the switch work. */
export function startTheme() {
  const button = byId('theme');
  const apply = (/** @type {string} */ theme) => {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.setAttribute('data-theme', theme);
    const name = names[/** @type {keyof typeof names} */ (theme)];
    button.textContent = { auto: '◐', light: '☀', dark: '☾' }[theme] ?? '◐';
    button.title = `Colours: ${name}`;
    button.setAttribute('aria-label', `Colours: ${name}. Change`);
  };
  let theme = localStorage.getItem('theme') ?? 'auto';
  if (!order.includes(theme)) theme = 'auto';
  apply(theme);
  button.addEventListener('click', () => {
    theme = order[(order.indexOf(theme) + 1) % order.length] ?? 'auto';
    localStorage.setItem('theme', theme);
    apply(theme);
    // Charts draw their own colours.
    window.dispatchEvent(new Event('theme'));
  });
}
