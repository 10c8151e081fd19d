// Reads the words of `find`: where it starts, what it runs, and whether it selects or takes everything.

/** The folders that `find` starts from. */
export function findRoots(words: readonly string[]): string[] {
  const start = words.findIndex((word) => !/^-(?:[HLP]|O\d)$/.test(word));
  const roots = start < 0 ? [] : words.slice(start);
  const end = roots.findIndex((word) => /^[-!(]/.test(word));
  const found = end < 0 ? roots : roots.slice(0, end);
  return found.length === 0 ? ['.'] : found;
}

/** True when `find` selects by name, age or the like, so that it does not take everything. */
export function isSelective(words: readonly string[]): boolean {
  if (words.some((word) => word === '-o' || word === '-or')) return false;
  return words.some((word, index) => {
    const isNegated = words[index - 1] === '!' || words[index - 1] === '-not';
    const takesAll = /^[*?.]*$/.test(words[index + 1] ?? '');
    return selectiveTests.has(word) && !isNegated && !(word.includes('name') && takesAll);
  });
}

/** The commands of `find -exec` and its like, with the placeholder where the file name goes. */
export function findCommands(words: readonly string[]): { readonly words: string[]; readonly at: number }[] {
  const found: { words: string[]; at: number }[] = [];
  let start = -1;
  for (const [index, word] of words.entries()) {
    if (start < 0 && /^-(?:exec|execdir|ok|okdir)$/.test(word)) start = index;
    if (start < 0 || (word !== ';' && word !== '+' && index < words.length - 1)) continue;
    const isEnd = word === ';' || word === '+';
    found.push({ words: words.slice(start + 1, isEnd ? index : index + 1), at: start });
    start = -1;
  }
  return found;
}

const selectiveTests = new Set(
  [
    '-name',
    '-iname',
    '-path',
    '-ipath',
    '-wholename',
    '-regex',
    '-iregex',
    '-empty',
    '-inum',
    '-samefile',
  ].concat([
    '-mtime',
    '-mmin',
    '-atime',
    '-amin',
    '-ctime',
    '-cmin',
    '-newer',
    '-nouser',
    '-nogroup',
    '-xtype',
    '-lname',
  ]),
);
