// Text of programs where it stands in one line of something else: a prompt, or a list. Whatever a program prints, it
// neither begins a line of its own there, nor ends its quotes, nor hides a part of itself.

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ansi = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;
/** Line ends of every kind, and control characters. */
const blanks = /[\s\p{Cc}\p{Zl}\p{Zp}]+/gu;
/** They reverse, join and hide what stands around them. */
const invisible = /[\p{Cf}\p{Co}\p{Cs}]/gu;

/** A text as one line of at most `most` characters, with a mark where it was cut. */
export function oneLine(text: string, most: number): string {
  const line = text.replace(ansi, '').replace(invisible, '').replace(blanks, ' ').trim();
  if (line.length <= most) return line;
  // Half of a surrogate pair is no character.
  return `${line.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The same in quotes that nothing in it can end. */
export function quoted(text: string, most: number): string {
  return JSON.stringify(oneLine(text, most));
}
