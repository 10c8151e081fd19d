// Owns what a shell script is made of, as shell-words.ts reads it: words, redirections, simple commands. It always
// keeps the list flat, so that no depth of parentheses or blocks can overflow a stack, and keeps the patterns of
// `case` apart from commands, so that `reboot)` is no call.

/** A part of a word, by how bash would treat it. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly quoted: boolean;
      /** What follows the name in `${name…}`, such as `:-`, with its argument. */
      readonly operator: string;
      readonly argument: Word;
      readonly subscript: string | undefined;
    }
  | {
      readonly kind: 'output' | 'process' | 'array';
      readonly commands: readonly Command[];
      readonly quoted: boolean;
    };

/** One word of a command, before expansion. */
export type Word = readonly Piece[];

/** A redirection; a here-document and a here-string have their text as `body`. */
export interface Redirection {
  readonly operator: string;
  readonly target: Word;
  body?: Word;
}

/** A simple command and the operator after it. Parentheses and `{ }` stay in the flat list, as operators and words. */
export interface Command {
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
  readonly operator: string;
}

/** The text that backslash escapes of `$'…'`, `printf` and `echo -e` stand for. */
export function unescapeAnsi(text: string): string {
  return text.replace(
    /\\(?:x([\da-fA-F]{1,2})|u([\da-fA-F]{1,4})|U([\da-fA-F]{1,8})|(0[0-7]{1,3}|[0-7]{1,3})|([\s\S]))/g,
    (_whole, hex, short, long, octal, letter) => {
      if (letter !== undefined) return ansiLetters[letter] ?? letter;
      const code =
        octal === undefined ? Number.parseInt(hex ?? short ?? long, 16) : Number.parseInt(octal, 8);
      return code <= 0x10ffff ? String.fromCodePoint(code) : '';
    },
  );
}

const ansiLetters: Record<string, string> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f', a: '\x07' };

/** Words after which another command begins. */
const reservedWords: ReadonlySet<string> = new Set([
  'if',
  'then',
  'else',
  'elif',
  'fi',
  'do',
  'done',
  'while',
  'until',
  '{',
  '}',
  '!',
  'time',
  'coproc',
  'esac',
]);

/** The text of a word that holds nothing to expand; undefined for any other. */
export function plainTextOf(word: Word | undefined): string | undefined {
  if (word === undefined || word.length === 0) return undefined;
  let text = '';
  for (const piece of word) {
    if (piece.kind !== 'text') return undefined;
    text += piece.text;
  }
  return text;
}

/** The word when bash would take it for a keyword, which quotes prevent. */
export function keywordOf(word: Word | undefined): string | undefined {
  const piece = word?.length === 1 ? word[0] : undefined;
  return piece?.kind === 'text' && !piece.quoted ? piece.text : undefined;
}

/** Where a command's own words begin, after keywords and after the name of a function that it defines. */
interface Head {
  readonly keywords: readonly string[];
  readonly defines: string | undefined;
  readonly start: number;
}

/** What stands before a command's own words. */
export function headOf(command: Command): Head {
  const keywords: string[] = [];
  let defines: string | undefined;
  let start = 0;
  for (;;) {
    const keyword = keywordOf(command.words[start]);
    if (keyword === 'function') {
      defines = plainTextOf(command.words[start + 1]);
      start += 2;
    } else if (keyword !== undefined && reservedWords.has(keyword)) {
      keywords.push(keyword);
      start += keyword === 'time' && keywordOf(command.words[start + 1]) === '-p' ? 2 : 1;
    } else {
      return { keywords, defines, start };
    }
  }
}

/** Collects words into commands. */
export class CommandList {
  readonly commands: Command[] = [];
  #words: Word[] = [];
  #redirections: Redirection[] = [];
  #isAtStart = true;
  #openCases = 0;
  #caseWordsLeft = 0;
  #isInPattern = false;

  get isInPattern(): boolean {
    return this.#isInPattern;
  }

  add(word: Word): void {
    const keyword = keywordOf(word);
    if (this.#isInPattern && this.#words.length === 0 && keyword === 'esac') {
      this.#isInPattern = false;
      this.#openCases -= 1;
    }
    this.#words.push(word);
    if (this.#isInPattern) return;
    if (this.#caseWordsLeft > 0) {
      this.#caseWordsLeft -= 1;
      if (this.#caseWordsLeft > 0 || keyword !== 'in') return;
      this.#flush(';');
      this.#openCases += 1;
      this.#isInPattern = true;
    } else if (this.#isAtStart) {
      if (keyword === 'case') this.#caseWordsLeft = 2;
      if (keyword === 'esac') this.#openCases = Math.max(0, this.#openCases - 1);
      this.#isAtStart = keyword !== undefined && reservedWords.has(keyword);
    }
  }

  redirect(redirection: Redirection): void {
    this.#redirections.push(redirection);
  }

  end(operator: string): void {
    if (this.#isInPattern && (operator === '(' || operator === '|' || operator === '\n')) return;
    if (this.#isInPattern && operator === ')') {
      // Kept as the words of another `case`, because a pattern may hold $( ), which runs.
      this.#words.unshift([{ kind: 'text', text: 'case', quoted: false }]);
      this.#flush(';');
    } else {
      this.#caseWordsLeft = 0;
      this.#flush(operator);
    }
    this.#isInPattern = this.#openCases > 0 && operator.startsWith(';') && operator !== ';';
  }

  #flush(operator: string): void {
    const isEmpty = this.#words.length === 0 && this.#redirections.length === 0;
    if (!(isEmpty && (operator === '\n' || operator === ';' || operator === ''))) {
      this.commands.push({ words: this.#words, redirections: this.#redirections, operator });
    }
    this.#words = [];
    this.#redirections = [];
    this.#isAtStart = true;
  }
}
