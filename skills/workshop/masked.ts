// Secrets in a file are shown to a model as `[masked]`. When it writes back what it was shown, the mark would take the
// place of the secret; this notices, and says how to go round it.

import { Failure } from '../tool.ts';

const mark = '[masked]';
/** A text with more such lines speaks of masks. */
const mostSuspects = 50;

/** Throws when a line was replaced by itself with `[masked]` in it. */
export function refuseMasked(before: Buffer, after: Buffer, path: string): void {
  if (!after.includes(mark)) return;
  const old = new Set(before.toString('utf8').split('\n'));
  const fresh = after.toString('utf8').split('\n');
  const suspects = fresh.filter((line) => line.includes(mark) && !old.has(line)).slice(0, mostSuspects);
  if (suspects.length === 0) return;
  const kept = new Set(fresh);
  const gone = [...old].filter((line) => !kept.has(line) && !line.includes(mark));
  if (!suspects.some((suspect) => gone.some((line) => fits(suspect.split(mark), line)))) return;
  throw new Failure(
    'masked_text',
    `The new text of ${path} would put ${mark} where something stands that is hidden from you. Nothing was changed.`,
    'Change the lines around it with edit_file, and leave that line as it is.',
  );
}

/** True when the line is the pieces with something between each two of them. */
function fits(pieces: readonly string[], line: string): boolean {
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (first + last === '' || !line.startsWith(first) || !line.endsWith(last)) return false;
  let behind = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const at = line.indexOf(piece, behind + 1);
    if (at < 0) return false;
    behind = at + piece.length;
  }
  return behind < line.length - last.length;
}
