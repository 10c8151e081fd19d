// Replaces a text in a file exactly. It works on bytes, so that whatever else the file holds stays as it is, and its
// failures show what the file really says, so that whoever asked can ask better.

import { distance } from 'fastest-levenshtein';
import { Failure } from '../tool.ts';
import { linesOf, shortenLine } from './text.ts';

/** What is to be replaced. */
export interface Edit {
  readonly oldText: string;
  readonly newText: string;
  /** Every occurrence; without it there has to be exactly one. */
  readonly all: boolean;
}

/** More are no edit, but work for a program. */
const mostPlaces = 20_000;
const mostLineNumbers = 10;
/** Comparing takes time, and whoever looks for a text in a longer file has search_files. */
const comparedLines = 5_000;
const comparedCharacters = 200;

/** The file after the edit, and how often the text was there. */
export function replaceText(bytes: Buffer, edit: Edit, path: string): { bytes: Buffer; count: number } {
  const { oldText, newText } = withLineEndsOf(bytes, edit);
  if (oldText === newText) {
    throw new Failure(
      'same_text',
      'The old and the new text are the same, so there is nothing to change.',
      'Give the new text as it should be.',
    );
  }
  const old = Buffer.from(oldText);
  const places = placesOf(bytes, old);
  if (places.length === 0) throw notFound(bytes, edit.oldText, path);
  if (places.length > mostPlaces || (places.length > 1 && !edit.all)) throw foundOften(bytes, places, path);
  const fresh = Buffer.from(newText);
  const parts: Buffer[] = [];
  let behind = 0;
  for (const place of places) {
    parts.push(bytes.subarray(behind, place), fresh);
    behind = place + old.length;
  }
  parts.push(bytes.subarray(behind));
  return { bytes: Buffer.concat(parts), count: places.length };
}

/** Lines are shown without their ends, so in a file that ends them with CR LF, LF means that. */
function withLineEndsOf(bytes: Buffer, { oldText, newText }: Edit): { oldText: string; newText: string } {
  const isWindows = bytes.includes('\r\n') && !/(^|[^\r])\n/.test(bytes.toString('latin1'));
  if (!isWindows || oldText.includes('\r') || newText.includes('\r')) return { oldText, newText };
  return { oldText: oldText.replaceAll('\n', '\r\n'), newText: newText.replaceAll('\n', '\r\n') };
}

function placesOf(bytes: Buffer, wanted: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + wanted.length))
    places.push(at);
  return places;
}

function foundOften(bytes: Buffer, places: readonly number[], path: string): Failure {
  const numbers: number[] = [];
  let line = 1;
  let behind = 0;
  for (const place of places.slice(0, mostLineNumbers)) {
    for (let at = bytes.indexOf(10, behind); at >= 0 && at < place; at = bytes.indexOf(10, at + 1)) line++;
    behind = place;
    numbers.push(line);
  }
  const more = places.length - numbers.length;
  const isTooOften = places.length > mostPlaces;
  return new Failure(
    'text_found_often',
    `The old text is ${isTooOften ? `more than ${mostPlaces}` : places.length} times in ${path}: at ${numbers.length === 1 ? 'line' : 'lines'} ${numbers.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
    isTooOften
      ? 'Let a program change so many: run_in_staging "sed -i …".'
      : 'Give more of the lines around the one that you mean, or set all to change every one.',
  );
}

function notFound(bytes: Buffer, oldText: string, path: string): Failure {
  const lines = linesOf(bytes.toString('utf8'));
  const wanted = linesOf(oldText);
  const nearest = nearestLine(lines, wanted);
  const sentence = `The old text is not in ${path}`;
  const hint = 'Copy the text exactly, with its blanks and without the line numbers; see it with read_file.';
  if (nearest === undefined) return new Failure('text_not_found', `${sentence}.`, hint);
  const first = Math.max(0, nearest.line - 1);
  const shown = lines
    .slice(first, nearest.line + Math.min(wanted.length, 8) + 1)
    .map((line, index) => `${first + index + 1}\t${shortenLine(line, comparedCharacters)}`);
  const how = nearest.isSameButBlanks ? 'With other blanks it is there' : 'The nearest lines are';
  return new Failure('text_not_found', `${sentence}. ${how}:\n${shown.join('\n')}`, hint);
}

/** Where the file comes nearest to the first telling line of what was looked for. */
function nearestLine(
  lines: readonly string[],
  wanted: readonly string[],
): { line: number; isSameButBlanks: boolean } | undefined {
  const squeeze = (text: string) => text.replace(/\s+/g, ' ').trim();
  const telling = wanted.findIndex((line) => squeeze(line).length > 2);
  const target = squeeze(wanted[telling] ?? '').slice(0, comparedCharacters);
  if (target === '') return undefined;
  let best = { line: -1, cost: Number.POSITIVE_INFINITY };
  for (const [index, line] of lines.slice(0, comparedLines).entries()) {
    const candidate = squeeze(line).slice(0, comparedCharacters);
    // The difference in length is the least that it can cost.
    if (candidate === '' || Math.abs(candidate.length - target.length) >= best.cost) continue;
    const cost = distance(target, candidate);
    if (cost < best.cost) best = { line: index, cost };
    if (cost === 0) break;
  }
  if (best.line < 0 || best.cost > target.length * 0.6) return undefined;
  const line = Math.max(0, best.line - telling);
  const there = lines.slice(line, line + wanted.length).map(squeeze);
  const isSameButBlanks = there.join('\n') === wanted.map(squeeze).join('\n');
  return { line, isSameButBlanks };
}
