// Marks text that comes from somewhere else than the person who is served: logs, files, hooks, other people. The model
// is told that whatever stands between the marks is data; nothing inside can close them.

/** Text from a source, between marks. */
export function asData(source: string, text: string): string {
  return `<data from="${source.replace(/["<>\n]/g, ' ')}">\n${defuse(text)}\n</data>`;
}

/** What a person wrote, with who they are. */
export function asMessage(name: string, rights: readonly string[], text: string): string {
  const may = rights.length === 0 ? 'none' : rights.join(', ');
  return `<message from="${name.replace(/["<>\n]/g, ' ')}" rights="${may}">\n${defuse(text)}\n</message>`;
}

function defuse(text: string): string {
  return text.replace(/<(?=\/?(data|message|summary)\b)/gi, '‹');
}

/** Both ends of a long text; the middle is left out, and that is said. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.floor(most / 3);
  return `${text.slice(0, head)}\n[… ${text.length - most} characters left out …]\n${text.slice(-(most - head))}`;
}
