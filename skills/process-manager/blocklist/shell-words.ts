// Reads a bash command line into simple commands, without running or expanding anything. Every script that bash would
// run from the text, in $( ), backticks, <( ) or an unquoted here-document, is read too and hangs in its word.
// It always takes time in proportion to the text, never fails on broken syntax (an unclosed quote reaches to the end),
// and throws UnreadableScript for nesting that no person would write.

import { Allowance, UnreadableScript } from './shell-allowance.ts';
import {
  type Command,
  CommandList,
  type Piece,
  type Redirection,
  unescapeAnsi,
  type Word,
} from './shell-commands.ts';

/** The simple commands of a script, in order. */
export function parseShell(source: string): Command[] {
  return new Reader(source, new Allowance(mostPieces)).commands({
    isNested: false,
    isArithmetic: false,
  });
}

const mostLostBodies = 16;
/** More words than a megabyte of sensible text has. */
const mostPieces = 250_000;
const blanks = /[ \t]+|\\\n/y;
const redirectionStart = /(?:\d{1,4}|\{\w{1,60}\})?(?:<<<|<<-|<<|<>|<&|<(?!\()|>>|>\||>&|>(?!\())|&>>|&>/y;
const operatorStart = /;;&|;;|;&|&&|\|\||\|&|[;&|()\n]/y;
const plainText = /[^ \t\n\\'"$`;&|()<>]+/y;
const arrayStart = /^[A-Za-z_]\w*(?:\[[^\]]{0,200}\])?\+?=$/;
const variableName = /[A-Za-z_]\w*|[0-9@*#?$!-]/y;
const parameterName = /[!#]?(?:[A-Za-z_]\w*|\d+|[@*#?$!-])/y;
const subscriptText = /\[[^\]]{0,200}\]/y;
const parameterOperator = /:?[-=?+]|##?|%%?|\/\/?|\^\^?|,,?|@|:/y;
/** What has no meaning of its own inside text that ends with the key; '' is a here-document, which just ends. */
const plainInside = { '"': /[^"\\$`]+/y, '}': /[^}\\$`'"]+/y, ']': /[^\]\\$`'"]+/y, '': /[^\\$`]+/y };
type Closer = keyof typeof plainInside;

interface WaitingBody {
  readonly redirection: Redirection;
  readonly delimiter: string;
  readonly isQuoted: boolean;
  readonly stripsTabs: boolean;
}

class Reader {
  readonly #source: string;
  readonly #allowance: Allowance;
  #position = 0;
  #waiting: WaitingBody[] = [];
  #lostBodies = 0;

  constructor(source: string, allowance: Allowance) {
    this.#source = source;
    this.#allowance = allowance;
  }

  commands(mode: { isNested: boolean; isArithmetic: boolean }): Command[] {
    this.#allowance.descend();
    const list = new CommandList();
    let parentheses = 0;
    // In (( 1 << 2 )) the arrows shift bits: they must not swallow the next lines as a here-document.
    let arithmeticFrom = mode.isArithmetic ? 0 : Number.POSITIVE_INFINITY;
    for (;;) {
      this.#skipBlanks();
      if (this.#position >= this.#source.length) break;
      this.#allowance.spend(1);
      const redirection = this.#match(redirectionStart);
      if (redirection !== undefined) {
        list.redirect(this.#redirection(redirection, parentheses < arithmeticFrom));
        continue;
      }
      const operator = this.#match(operatorStart);
      if (operator === undefined) {
        list.add(this.#word());
        continue;
      }
      if (operator === ')' && mode.isNested && parentheses === 0 && !list.isInPattern) break;
      const isPattern = list.isInPattern;
      list.end(operator);
      if (operator === '\n') this.#readBodies();
      if (isPattern) continue;
      if (operator === '(') {
        parentheses += 1;
        if (this.#source[this.#position] === '(') arithmeticFrom = Math.min(arithmeticFrom, parentheses);
      } else if (operator === ')') {
        parentheses = Math.max(0, parentheses - 1);
        if (parentheses < arithmeticFrom && !mode.isArithmetic) arithmeticFrom = Number.POSITIVE_INFINITY;
      }
    }
    list.end('');
    this.#allowance.ascend();
    return list.commands;
  }

  /** The pieces up to the closer, which is consumed. */
  pieces(closer: Closer, quoted: boolean): Word {
    this.#allowance.descend();
    const pieces: Piece[] = [];
    while (this.#position < this.#source.length) {
      const text = this.#match(plainInside[closer]);
      if (text !== undefined) pieces.push({ kind: 'text', text, quoted });
      if (this.#source[this.#position] === closer) {
        this.#position += 1;
        break;
      }
      // In "${x:-"y"}" the inner quotes only group.
      if (closer === '}' && quoted && this.#source[this.#position] === '"') this.#position += 1;
      else if (this.#position < this.#source.length) this.#special(pieces, quoted);
    }
    this.#allowance.ascend();
    return pieces;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#position += found.length;
    return found;
  }

  #skipBlanks(): void {
    while (this.#match(blanks) !== undefined);
    if (this.#source[this.#position] === '#') this.#position = this.#find('\n');
  }

  /** Where the text occurs next, or the end. */
  #find(text: string): number {
    const index = this.#source.indexOf(text, this.#position);
    return index < 0 ? this.#source.length : index;
  }

  #redirection(operator: string, mayHaveBody: boolean): Redirection {
    while (this.#match(blanks) !== undefined);
    const start = this.#position;
    const redirection: Redirection = {
      operator: operator.replace(/^(?:\d+|\{\w+\})/, ''),
      target: this.#word(),
    };
    if (redirection.operator === '<<<') redirection.body = redirection.target;
    if (mayHaveBody && /^<<-?$/.test(redirection.operator)) {
      const written = this.#source.slice(start, this.#position);
      const delimiter = written.replace(/['"\\]/g, '');
      const stripsTabs = redirection.operator === '<<-';
      this.#waiting.push({ redirection, delimiter, isQuoted: delimiter !== written, stripsTabs });
    }
    return redirection;
  }

  #readBodies(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { redirection, delimiter, isQuoted, stripsTabs } of waiting) {
      const body = this.#readBody(delimiter, stripsTabs);
      // A body without an end is read as commands: better a false alarm on broken text than a way past.
      if (body === undefined) continue;
      redirection.body = isQuoted
        ? [{ kind: 'text', text: body, quoted: true }]
        : new Reader(body, this.#allowance).pieces('', true);
    }
  }

  #readBody(delimiter: string, stripsTabs: boolean): string | undefined {
    const start = this.#position;
    for (let lineStart = start; lineStart < this.#source.length; ) {
      const newline = this.#source.indexOf('\n', lineStart);
      const lineEnd = newline < 0 ? this.#source.length : newline;
      const line = this.#source.slice(lineStart, lineEnd);
      if ((stripsTabs ? line.replace(/^\t+/, '') : line) === delimiter) {
        this.#position = Math.min(lineEnd + 1, this.#source.length);
        return this.#source.slice(start, lineStart);
      }
      lineStart = lineEnd + 1;
    }
    this.#lostBodies += 1;
    if (this.#lostBodies > mostLostBodies) throw new UnreadableScript('its here-documents have no end');
    return undefined;
  }

  #word(): Word {
    const pieces: Piece[] = [];
    for (;;) {
      const text = this.#match(plainText);
      if (text !== undefined) pieces.push({ kind: 'text', text, quoted: false });
      const character = this.#source[this.#position];
      const first = pieces[0];
      if (character === '(' && pieces.length === 1 && first?.kind === 'text' && arrayStart.test(first.text)) {
        this.#position += 1;
        pieces.push({ kind: 'array', commands: this.#script(), quoted: true });
      } else if ((character === '<' || character === '>') && this.#source[this.#position + 1] === '(') {
        this.#position += 2;
        pieces.push({ kind: 'process', commands: this.#script(), quoted: true });
      } else if (character === undefined || ' \t\n;&|()<>'.includes(character)) {
        return pieces;
      } else {
        this.#special(pieces, false);
      }
    }
  }

  #script(isArithmetic = false): Command[] {
    return this.commands({ isNested: true, isArithmetic });
  }

  /** Reads what starts with a character that has a meaning: \ ' " $ or a backtick. */
  #special(pieces: Piece[], quoted: boolean): void {
    this.#allowance.spend(1);
    const character = this.#source[this.#position];
    this.#position += 1;
    if (character === '\\') this.#escape(pieces, quoted);
    else if (character === "'" && !quoted) pieces.push(this.#quotedTo("'"));
    else if (character === '"' && !quoted) this.#doubleQuoted(pieces);
    else if (character === '`') this.#backticks(pieces, quoted);
    else if (character === '$') this.#dollar(pieces, quoted);
    else pieces.push({ kind: 'text', text: character ?? '', quoted });
  }

  #escape(pieces: Piece[], quoted: boolean): void {
    const next = this.#source[this.#position] ?? '';
    this.#position += 1;
    if (next === '\n') return;
    const keepsBackslash = quoted && !'$`"\\'.includes(next);
    pieces.push({ kind: 'text', text: keepsBackslash ? `\\${next}` : next, quoted: true });
  }

  #quotedTo(closer: string): Piece {
    const end = this.#find(closer);
    const text = this.#source.slice(this.#position, end);
    this.#position = end + 1;
    return { kind: 'text', text, quoted: true };
  }

  #doubleQuoted(pieces: Piece[]): void {
    const inside = this.pieces('"', true);
    // An empty piece keeps "" a word.
    pieces.push({ kind: 'text', text: '', quoted: true });
    for (const piece of inside) pieces.push(piece);
  }

  #escapedTo(closer: string): string {
    const start = this.#position;
    while (this.#position < this.#source.length && this.#source[this.#position] !== closer) {
      this.#position += this.#source[this.#position] === '\\' ? 2 : 1;
    }
    const text = this.#source.slice(start, this.#position);
    this.#position += 1;
    return text;
  }

  #backticks(pieces: Piece[], quoted: boolean): void {
    const source = this.#escapedTo('`').replace(/\\([\\`$])/g, '$1');
    const commands = new Reader(source, this.#allowance).commands({ isNested: false, isArithmetic: false });
    pieces.push({ kind: 'output', commands, quoted });
  }

  #dollar(pieces: Piece[], quoted: boolean): void {
    const next = this.#source[this.#position];
    if (next === '(') {
      this.#position += 1;
      const commands = this.#script(this.#source[this.#position] === '(');
      pieces.push({ kind: 'output', commands, quoted });
    } else if (next === '{') {
      this.#position += 1;
      pieces.push(this.#parameter(quoted));
    } else if (next === '[') {
      this.#position += 1;
      const argument = this.pieces(']', quoted);
      pieces.push({ kind: 'variable', name: '', quoted, operator: '@', argument, subscript: undefined });
    } else if (next === "'" && !quoted) {
      this.#position += 1;
      pieces.push({ kind: 'text', text: unescapeAnsi(this.#escapedTo("'")), quoted: true });
    } else if (!(next === '"' && !quoted)) {
      const name = this.#match(variableName);
      if (name === undefined) pieces.push({ kind: 'text', text: '$', quoted });
      else pieces.push({ kind: 'variable', name, quoted, operator: '', argument: [], subscript: undefined });
    }
  }

  #parameter(quoted: boolean): Piece {
    const name = this.#match(parameterName) ?? '';
    const subscript = this.#match(subscriptText)?.slice(1, -1);
    const operator = this.#match(parameterOperator) ?? '';
    return { kind: 'variable', name, quoted, operator, argument: this.pieces('}', quoted), subscript };
  }
}
