// Command lines, taken apart as a shell does it, as far as a bot's start needs it.

/** The words of a line; undefined where a quote is not closed. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let rest = line.trim();
  while (rest !== '') {
    const [whole, text = ''] = /^((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)\s*/.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    words.push(
      text.replaceAll(
        /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g,
        (_, single, double, escaped) => single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped,
      ),
    );
    rest = rest.slice(whole.length);
  }
  return words;
}

/** A line that a shell takes apart into these words. */
export function joinWords(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
