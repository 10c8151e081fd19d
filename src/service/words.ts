// What is done to a machine, in the words that a person reads, and could type.

/** A file to be written (or removed, where it has no content), and programs to be run. */
export interface Steps {
  readonly file: string;
  readonly content: string | null;
  readonly commands: readonly (readonly string[])[];
}

/** Exactly what is done. */
export function stepsInWords({ file, content, commands }: Steps): string {
  const isNothing = content === null && commands.length === 0;
  const first =
    content === null ? [`remove ${file}`] : [`write ${file}:`, content.trimEnd().replaceAll(/^/gm, '    ')];
  return [...(isNothing ? [] : first), ...commands.map((words) => `run ${commandInWords(words)}`)].join('\n');
}

/** A command as a shell would have to be given it. */
export function commandInWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/** One word of it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
