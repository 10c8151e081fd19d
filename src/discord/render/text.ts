// Text of others in messages of ours: it neither formats, nor breaks out of its frame, nor hides anything. Mentions
// are off in every message anyway.

/** What Discord takes as one message. */
export const longestContent = 2_000;

/** A code block that its content cannot end: no two backticks touch, so there are never three. */
export function fence(text: string): string {
  const inside = visible(text).replaceAll(/`(?=`)/g, '`\u200b');
  return `\`\`\`\n${inside === '' ? ' ' : inside}\n\`\`\``;
}

/** How many characters the frame of a code block takes. */
const fenceLength = fence('x').length - 1;
const leastRoom = 10;

/** A code block of at most so many characters, with as much of the text as `shorten` finds room for. */
export function fenceWithin(
  text: string,
  most: number,
  shorten: (text: string, most: number) => string,
): string {
  let room = Math.max(leastRoom, most - fenceLength);
  let framed = fence(shorten(text, room));
  // Backticks take two characters in a frame.
  while (framed.length > most && room > leastRoom) {
    room = Math.max(leastRoom, room - (framed.length - most));
    framed = fence(shorten(text, room));
  }
  return framed;
}

/** The text as it is, with nothing of it read as formatting. */
export function plain(text: string): string {
  return visible(text)
    .replaceAll(/[\\*_~`|<>[\]#]/g, '\\$&')
    .replaceAll(/^(\s*)([-+]|\d+\.)(?=\s)/gm, (_, blank: string, mark: string) =>
      mark.endsWith('.') ? `${blank}${mark.slice(0, -1)}\\.` : `${blank}\\${mark}`,
    );
}

/** Without escape sequences and control characters, and without marks that turn the direction of writing. */
export function visible(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replaceAll(/\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what this line takes away are control characters
      .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
  );
}

/** At most so many characters, with a mark where something was left out, and never half of a character. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The last lines that fit, with a mark where something was left out. */
export function lastThatFit(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = text.slice(text.length - most + 2).replace(/^[\udc00-\udfff]/, '');
  const start = tail.indexOf('\n');
  return `…\n${start < 0 || start === tail.length - 1 ? tail : tail.slice(start + 1)}`;
}

/** The first lines that fit, with the number of those left out. */
export function firstThatFit(text: string, most: number): string {
  if (text.length <= most) return text;
  const lines = text.split('\n');
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    if (length + line.length + 1 > most - 24) break;
    kept.push(line);
    length += line.length + 1;
  }
  if (kept.length === 0) return cut(text, most);
  return `${kept.join('\n')}\n… ${lines.length - kept.length} more lines`;
}
