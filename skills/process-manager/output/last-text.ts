// The end of a log as one text, for whoever waited for a command.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** At most `characters` from the end of a file, under a line that says how much is missing; '' when there is no file. */
export function lastText(path: string, characters: number): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    // A character takes at most four bytes.
    const bytes = Buffer.alloc(Math.min(size, characters * 4));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString('utf8', startOfCharacter(bytes), read);
    if (size === bytes.length && text.length <= characters) return text;
    const kept = text.slice(-characters);
    return `[… ${size - Buffer.byteLength(kept)} bytes before this are left out]\n${kept}`;
  } finally {
    closeSync(file);
  }
}

/** The first byte that does not continue a character whose beginning was not read. */
function startOfCharacter(bytes: Buffer): number {
  let index = 0;
  while (index < 4 && index < bytes.length && ((bytes[index] ?? 0) & 0xc0) === 0x80) index++;
  return index;
}
