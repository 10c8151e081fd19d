// Cuts a long text into messages: at the ends of lines where it can, never inside of a mark, with code blocks closed and
// opened again at each cut. What has been cut off stays as it is while the text goes on, so that earlier messages need
// no edit.

const fence = '```';
/** A line of a language after the marks, as Discord reads it. */
const language = /^[\w+\-.#]*(?=\n)/;
const closing = `\n${fence}`;

/** A text in messages, and what found no room in them. */
export interface Pages {
  readonly pages: readonly string[];
  readonly rest: string;
}

/** At most so many messages of at most so many characters. */
export function paginate(text: string, room: number, most: number): Pages {
  const pages: string[] = [];
  let rest = text.trim();
  let opener = '';
  while (rest !== '' && pages.length < most) {
    const head = opener === '' ? '' : `${opener}\n`;
    const { piece, open, next } = cutOff(rest, opener, room - head.length - closing.length);
    const page = `${head}${piece}${open === '' ? '' : closing}`;
    if (page.trim() !== '') pages.push(page.trimEnd());
    opener = open;
    rest = next;
  }
  return { pages, rest: rest === '' || opener === '' ? rest : `${opener}\n${rest}` };
}

/** The first piece of a text, how a code block that it leaves open began, and what comes after it. */
function cutOff(text: string, opener: string, room: number): { piece: string; open: string; next: string } {
  if (text.length <= room) return { piece: text, open: openAfter(text, opener).opener, next: '' };
  let at = placeToCut(text, room);
  const { opener: open, since } = openAfter(text, opener, at);
  // A block that would begin on the last line begins in the next message.
  if (open !== '' && since > 0 && text.slice(since + open.length, at).trim() === '') {
    const before = text.slice(0, since).trimEnd();
    if (before !== '') return { piece: before, open: '', next: text.slice(since) };
  }
  const piece = text.slice(0, at);
  if (open === '') return { piece: piece.trimEnd(), open, next: withoutGap(text.slice(at)) };
  if (text[at] === '\n') at++;
  const next = text.slice(at);
  // The block ends here anyway; its own end would be an empty one in the next message.
  const end = /^\s*```/.exec(next);
  return end
    ? { piece: piece.trimEnd() + closing, open: '', next: withoutGap(next.slice(end[0].length)) }
    : { piece: piece.trimEnd(), open, next };
}

/** Lines keep the blanks that they begin with: lists are made of them. */
function withoutGap(text: string): string {
  return text.replace(/^(?:[ \t]*\n)+|^ +/, '');
}

/** Behind the last line that fits, else between two words, else anywhere but within marks or half of a character. */
function placeToCut(text: string, room: number): number {
  const line = text.lastIndexOf('\n', room);
  if (line > room / 2) return line;
  const word = text.lastIndexOf(' ', room);
  if (word > room / 2) return word;
  let at = room;
  while (at > room / 2 && text[at] === '`' && text[at - 1] === '`') at--;
  return /[\ud800-\udbff]/.test(text[at - 1] ?? '') ? at - 1 : at;
}

/** How the code block began that is open at this place, and where; nothing where none is. */
function openAfter(text: string, before: string, end = text.length): { opener: string; since: number } {
  let opener = before;
  let since = 0;
  for (let at = 0; at < end; at++) {
    // Outside of a block a backslash takes the meaning from what follows.
    if (opener === '' && text[at] === '\\') at++;
    else if (text.startsWith(fence, at)) {
      since = at;
      opener =
        opener === '' ? fence + (language.exec(text.slice(at + fence.length, at + 40))?.[0] ?? '') : '';
      at += fence.length - 1;
    }
  }
  return { opener, since };
}
