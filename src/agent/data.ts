// Marks text that comes from somewhere else than the person who is served: logs, files, hooks, other people. The model
// is told that whatever stands between the marks is data; nothing inside can close them.

/** What a person wrote, with who they are. */
export function asMessage(name: string, rights: readonly string[], text: string): string {
  const may = rights.length === 0 ? 'none' : rights.join(', ');
  return `<message from="${name.replace(/["<>\n]/g, ' ')}" rights="${may}">\n${defuse(text)}\n</message>`;
}

/** What a hook says: the words of whoever made it, and, in lines that begin with `> `, what a program printed. */
export function asHook(text: string): string {
  return `<hook>\n${defuse(text)}\n</hook>`;
}

function defuse(text: string): string {
  return text.replace(/<(?=\/?(data|hook|message|summary)\b)/gi, '‹');
}

/** Both ends of a long text; the middle is left out, and that is said. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.floor(most / 3);
  return `${text.slice(0, head)}\n[… ${text.length - most} characters left out …]\n${text.slice(-(most - head))}`;
}
