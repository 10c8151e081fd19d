// Brace expansion: `{rm,-rf,/}` is three words. It works on parts of a word whose other expansions are done already,
// never looks into quoted or expanded text, and pays for every part that it makes, so that `{a,b}{a,b}{a,b}…`
// ends in UnreadableScript instead of filling the memory.

import { UnreadableScript } from './shell-allowance.ts';

/** A piece of a word after its own expansion: what it may be, and what bash still does with it. */
export interface Part {
  /** One value as a rule; several where a variable may hold any of them. */
  readonly values: readonly string[];
  /** `literal` text still has braces and a tilde; `expanded` text is still split at blanks. */
  readonly role: 'literal' | 'quoted' | 'expanded';
}

/** The words that the braces of one word make. */
export function expandBraces(parts: readonly Part[], spend: (amount: number) => void): Part[][] {
  const literal = parts.filter((part) => part.role === 'literal').map((part) => part.values[0] ?? '');
  if (!['{', ',', '}'].every((mark) => literal.some((text) => text.includes(mark)))) return [[...parts]];
  // A quick look at the length first: a part for each mark is far bigger than the text.
  for (const text of literal) spend(8 * text.split(/[{},]/).length);
  const tokens = parts.flatMap((part) => tokensOf(part));
  return expandRange({ tokens, groups: findGroups(tokens), spend }, 0, tokens.length, 0);
}

interface Token {
  readonly part: Part;
  readonly mark: string | undefined;
}

interface Group {
  readonly commas: number[];
  end: number;
}

interface Expansion {
  readonly tokens: readonly Token[];
  readonly groups: ReadonlyMap<number, Group>;
  readonly spend: (amount: number) => void;
}

const deepest = 20;

function tokensOf(part: Part): Token[] {
  if (part.role !== 'literal') return [{ part, mark: undefined }];
  const texts = (part.values[0] ?? '').split(/([{},])/).filter((text) => text !== '');
  return texts.map((text) => ({
    part: { values: [text], role: 'literal' },
    mark: text === '{' || text === '}' || text === ',' ? text : undefined,
  }));
}

/** The braces that match and hold a comma, by where they open. */
function findGroups(tokens: readonly Token[]): Map<number, Group> {
  const groups = new Map<number, Group>();
  const open: { start: number; group: Group }[] = [];
  for (const [index, { mark }] of tokens.entries()) {
    if (mark === '{') open.push({ start: index, group: { commas: [], end: index } });
    if (mark === ',') open.at(-1)?.group.commas.push(index);
    const closed = mark === '}' ? open.pop() : undefined;
    if (closed !== undefined && closed.group.commas.length > 0) {
      closed.group.end = index;
      groups.set(closed.start, closed.group);
    }
  }
  return groups;
}

function expandRange(expansion: Expansion, start: number, end: number, depth: number): Part[][] {
  if (depth > deepest) throw new UnreadableScript('its braces are nested too deeply');
  let results: Part[][] = [[]];
  for (let index = start; index < end; index += 1) {
    const group = expansion.groups.get(index);
    const token = expansion.tokens[index];
    if (group === undefined && token !== undefined) {
      expansion.spend(results.length);
      for (const result of results) result.push(token.part);
    } else if (group !== undefined) {
      const alternatives: Part[][] = [];
      let from = index + 1;
      for (const to of [...group.commas, group.end]) {
        for (const alternative of expandRange(expansion, from, to, depth + 1)) alternatives.push(alternative);
        from = to + 1;
      }
      results = combine(results, alternatives, expansion.spend);
      index = group.end;
    }
  }
  return results;
}

function combine(heads: Part[][], tails: Part[][], spend: (amount: number) => void): Part[][] {
  return heads.flatMap((head) =>
    tails.map((tail) => {
      spend(4 * (head.length + tail.length + 1));
      return [...head, ...tail];
    }),
  );
}
