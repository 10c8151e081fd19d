// A memory file as people read it: bullets, paragraphs and headings. Pure. A bullet goes on in the lines that are
// indented below it.

/** One bullet, paragraph or heading. */
export interface Entry {
  /** The line that it begins at, from 1. */
  readonly line: number;
  /** How many lines it takes. */
  readonly lines: number;
  readonly isBullet: boolean;
  /** Without the bullet and the indentation. */
  readonly text: string;
}

/** A paragraph that is longer goes on as another entry, so that what is found says where it is. */
const mostLines = 40;

/** The entries of a text, in its order. */
export function entriesOf(text: string): Entry[] {
  const lines = text.split(/\r?\n/);
  const entries: Entry[] = [];
  for (let index = 0; index < lines.length; ) {
    const line = lines[index] ?? '';
    if (line.trim() === '') {
      index++;
      continue;
    }
    const isBullet = /^[-*+] /.test(line);
    const length = isBullet ? bulletLength(lines, index) : paragraphLength(lines, index);
    const own = lines.slice(index, index + length);
    entries.push({
      line: index + 1,
      lines: length,
      isBullet,
      text: (isBullet ? own.map((each) => each.replace(/^([-*+] | {1,2})/, '')) : own).join('\n').trim(),
    });
    index += length;
  }
  return entries;
}

/** A text as a bullet, its further lines indented, so that nothing in it begins another entry. */
export function bulletOf(text: string): string {
  const [first = '', ...rest] = tidy(text).split('\n');
  return `${[`- ${first}`, ...rest.map((line) => (line === '' ? '' : `  ${line}`))].join('\n')}\n`;
}

/** The text without what is no text: control characters, and blanks and empty lines at its ends. */
export function tidy(text: string): string {
  return (
    text
      .replace(/\r\n?/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, '')
      .replace(/[ \t]+$/gm, '')
      .trim()
  );
}

/** The text without an entry. */
export function without(text: string, entry: Entry): string {
  const lines = text.split('\n');
  lines.splice(entry.line - 1, entry.lines);
  return lines.join('\n');
}

/** As many lines as are indented, with the empty lines between them. */
function bulletLength(lines: readonly string[], start: number): number {
  let end = start + 1;
  for (let index = end; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line.trim() === '') continue;
    if (!/^(\t| {2})/.test(line)) break;
    end = index + 1;
  }
  return end - start;
}

function paragraphLength(lines: readonly string[], start: number): number {
  if (/^#{1,6} /.test(lines[start] ?? '')) return 1;
  let end = start + 1;
  while (end < lines.length && end - start < mostLines && !/^\s*$|^[-*+] |^#{1,6} /.test(lines[end] ?? ''))
    end++;
  return end - start;
}
