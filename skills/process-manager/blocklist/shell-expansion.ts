// Expands the words of a command as bash would: tilde, variables, command output, braces, splitting at blanks.
// Nothing is run: what cannot be known from the text becomes the character `unknown`, which matches no rule's path.
// Wildcards stay as they are, for the rules to compare.

import { expandBraces, type Part } from './shell-braces.ts';
import { type Command, keywordOf, type Piece, type Word } from './shell-commands.ts';

/** Stands for text that only a run would tell. From Unicode's private area, so that it is never a path's letter. */
export const unknown = '\uE001';

/** Where `~` leads. Any home will do: the rules treat them all alike. */
export const home = '/home/someone';

/** What an expansion asks of the script around it. */
export interface Surroundings {
  /** What a variable may hold; [] when it is not set. */
  lookup(name: string): readonly string[];
  assign(name: string, values: readonly string[]): void;
  /** What the commands of `$( )` print. */
  run(commands: readonly Command[]): string;
  /** The words of `name=( )`. */
  listWords(commands: readonly Command[]): string[];
  /** A path that stands for the output of `<( )`. */
  openProcess(commands: readonly Command[]): string;
  spend(amount: number): void;
}

/** The fields that one word becomes: none, one or many. */
export function expandWord(word: Word, around: Surroundings): string[] {
  const keyword = keywordOf(word);
  if (keyword !== undefined && !/[{~]/.test(keyword)) return [keyword];
  const fields: string[] = [];
  const parts = word.map((piece) => partOf(piece, around));
  for (const choice of expandBraces(parts, around.spend)) {
    for (const texts of combinations(choice, around.spend)) {
      for (const field of split(choice, texts)) fields.push(field);
    }
  }
  return fields;
}

/** What a word may be where bash neither splits it nor expands braces: the value of an assignment. */
export function expandValue(word: Word, around: Surroundings): string[] {
  const parts = word.map((piece) => partOf(piece, around));
  return combinations(parts, around.spend).map((texts) => expandTilde(parts[0], texts).join(''));
}

function partOf(piece: Piece, around: Surroundings): Part {
  if (piece.kind === 'text') return { values: [piece.text], role: piece.quoted ? 'quoted' : 'literal' };
  const role = piece.quoted ? 'quoted' : 'expanded';
  if (piece.kind === 'variable') {
    const values = parameterValues(piece, around);
    if (values.length > 0) return { values, role };
    // An unset variable in quotes is an empty word; a list without elements, "$@", is no word.
    return { values: [''], role: piece.name === '@' || piece.subscript === '@' ? 'expanded' : role };
  }
  if (piece.kind === 'array') return { values: around.listWords(piece.commands), role };
  if (piece.kind === 'process') return { values: [around.openProcess(piece.commands)], role };
  return { values: [around.run(piece.commands).replace(/\n{1,1000}$/, '')], role };
}

type Variable = Extract<Piece, { kind: 'variable' }>;

function parameterValues(piece: Variable, around: Surroundings): readonly string[] {
  const held = heldValues(piece, around);
  const isSet = held.length > 0;
  const argument = () => expandValue(piece.argument, around);
  switch (piece.operator.replace(':', '') || piece.operator) {
    case '':
      return held;
    case '=':
      if (!isSet) around.assign(piece.name, argument());
      return isSet ? held : around.lookup(piece.name);
    case '-':
      if (!isSet) return argument();
      return held.includes(unknown) ? [...held, ...argument()] : held;
    case '?':
      argument();
      return isSet ? held : [unknown];
    case '+':
      return isSet ? argument() : [];
    default: {
      const [text = ''] = argument();
      around.spend(held.length * (text.length + 1));
      return held.map((value) => transform(value, piece.operator, text));
    }
  }
}

function heldValues(piece: Variable, around: Surroundings): readonly string[] {
  if (piece.name.startsWith('#') && piece.name.length > 1) return [unknown];
  if (piece.name === '') return [unknown];
  if (piece.name.startsWith('!') && piece.name.length > 1) {
    return around.lookup(piece.name.slice(1)).flatMap((name) => around.lookup(name));
  }
  const values = around.lookup(piece.name);
  const index = Number(piece.subscript ?? Number.NaN);
  const chosen = Number.isInteger(index) ? values.at(index) : undefined;
  return chosen === undefined ? values : [chosen];
}

/** What `${name:1:2}`, `${name/a/b}`, `${name,,}` and their like make of a value. */
function transform(value: string, operator: string, argument: string): string {
  if (value === '') return '';
  if (operator === ':') {
    const [from = 0, length] = argument.split(':').map((number) => Number(number));
    if (Number.isNaN(from) || Number.isNaN(length ?? 0)) return unknown;
    return length === undefined ? value.slice(from) : value.slice(from).slice(0, length);
  }
  if (value.includes(unknown)) return unknown;
  if (operator === ',,' || operator === '^^')
    return operator === ',,' ? value.toLowerCase() : value.toUpperCase();
  if (operator === ',') return value.charAt(0).toLowerCase() + value.slice(1);
  if (operator === '^') return value.charAt(0).toUpperCase() + value.slice(1);
  if (/[*?[]/.test(argument)) return unknown;
  if (operator.startsWith('#')) return value.startsWith(argument) ? value.slice(argument.length) : value;
  if (operator.startsWith('%')) {
    return argument !== '' && value.endsWith(argument) ? value.slice(0, -argument.length) : value;
  }
  if (operator.startsWith('/')) {
    const slash = argument.indexOf('/');
    const search = slash < 0 ? argument : argument.slice(0, slash);
    const replacement = slash < 0 ? '' : argument.slice(slash + 1);
    // An output that outgrows its input many times is a bomb, not a command.
    if (search === '' || value.length * replacement.length > 100_000) return unknown;
    return operator === '//'
      ? value.replaceAll(search, () => replacement)
      : value.replace(search, () => replacement);
  }
  return unknown;
}

/** One text for each part, in every combination of what the parts may hold. */
function combinations(parts: readonly Part[], spend: (amount: number) => void): string[][] {
  let results: string[][] = [[]];
  for (const part of parts) {
    const [only] = part.values;
    if (part.values.length === 1 && only !== undefined) {
      spend(results.length + only.length / 8);
      for (const result of results) result.push(only);
    } else {
      spend(results.length * part.values.length * (parts.length + 1));
      results = results.flatMap((result) => part.values.map((value) => [...result, value]));
    }
  }
  return results;
}

function expandTilde(first: Part | undefined, texts: readonly string[]): string[] {
  const [head = '', ...rest] = texts;
  const user = first?.role === 'literal' ? /^~([\w.-]{0,64}|[+])(?=\/|$)/.exec(head)?.[1] : undefined;
  if (user === undefined) return [...texts];
  const folder = user === '' ? home : user === 'root' ? '/root' : `/home/${user}`;
  return [(user === '+' || user === '-' ? unknown : folder) + head.slice(user.length + 1), ...rest];
}

/** Splits expanded text at blanks, and drops words that nothing is left of. */
function split(parts: readonly Part[], texts: readonly string[]): string[] {
  const fields: string[] = [];
  let field: string | undefined;
  for (const [index, text] of expandTilde(parts[0], texts).entries()) {
    const role = parts[index]?.role;
    if (role !== 'expanded' || !/[ \t\n]/.test(text)) {
      if (text !== '' || role === 'quoted') field = (field ?? '') + text;
      continue;
    }
    for (const [position, chunk] of text.split(/[ \t\n]/).entries()) {
      if (position > 0) {
        if (field !== undefined) fields.push(field);
        field = undefined;
      }
      if (chunk !== '') field = (field ?? '') + chunk;
    }
  }
  if (field !== undefined) fields.push(field);
  return fields;
}
