// Marks text that comes from somewhere else than the person who is served: logs, files, hooks, other people. The model
// is told that whatever stands between the marks is data; nothing inside can close them.

/** What a person wrote, with who they are. */
export function asMessage(name: string, rights: readonly string[], text: string): string {
  const may = rights.length === 0 ? 'none' : rights.join(', ');
  return `<message from="${nameOf(name)}" rights="${may}">\n${defuse(text)}\n</message>`;
}

/** What a hook says: the words of whoever made it, and, in lines that begin with `> `, what a program printed. */
export function asHook(text: string): string {
  return `<hook>\n${defuse(text)}\n</hook>`;
}

/** What became of a release or a restart; the lines of its log begin with `> `. */
export function asEvent(text: string): string {
  return `<event>\n${defuse(text)}\n</event>`;
}

/** A name where it stands in the prompt: no line, mark or quote of its own. */
export function nameOf(name: string): string {
  return name.replace(/["<>\s\p{C}\p{Z}]+/gu, ' ').slice(0, 100);
}

/** Whatever looks like one of our marks is none any more. */
export function defuse(text: string): string {
  return text.replace(/<(?=\/?\s*(data|event|hook|message|summary)\b)/gi, '‹');
}

/** Both ends of a long text; the middle is left out, and that is said. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.floor(most / 3);
  return `${text.slice(0, head)}\n[… ${text.length - most} characters left out …]\n${text.slice(-(most - head))}`;
}
