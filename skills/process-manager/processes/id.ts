// Ids of processes: short enough to type, and never mistaken for a PID.

import { randomInt } from 'node:crypto';

const letters = 'abcdefghjkmnpqrstvwxyz';
const all = `${letters}23456789`;
const length = 7;

/** A new id: a letter, then letters and digits that look like nothing else. */
export function newProcessId(): string {
  const rest = Array.from({ length: length - 1 }, () => all[randomInt(all.length)]);
  return `${letters[randomInt(letters.length)]}${rest.join('')}`;
}
