// Tables for phones: some forty characters wide. A table that does not fit is set as entries, the first columns on one
// line and everything else below them.

import type { Table } from '../../../skills/tool.ts';
import { visible } from './text.ts';

const phoneWidth = 42;
const gap = 2;
const indent = '  ';

/** The table as lines of equally wide characters. */
export function renderTable(table: Table, width = phoneWidth): string {
  const { columns, rows } = withoutEmptyColumns(table);
  if (rows.length === 0) return columns.join('  ');
  const isList = columns.length === 2 && columns.every((column) => column === '');
  if (isList) return renderPairs(rows, width);
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => longestLine(row[index] ?? ''))),
  );
  const total = widths.reduce((sum, each) => sum + each + gap, -gap);
  const isFlat = rows.every((row) => row.every((cell) => !cell.includes('\n')));
  if (isFlat && total <= width) {
    return [columns, ...rows]
      .map((row) =>
        row
          .map((cell, index) => cell.padEnd((widths[index] ?? 0) + gap))
          .join('')
          .trimEnd(),
      )
      .join('\n');
  }
  return rows.map((row) => renderEntry(columns, row, width)).join('\n');
}

/** Columns that say nothing in any row are left out: a phone has no room for them. */
function withoutEmptyColumns({ columns, rows }: Table): Table {
  const shown = columns.map((_, index) => rows.some((row) => !isEmpty(row[index])));
  const pick = (cells: readonly string[]) => cells.filter((_, index) => shown[index]).map(visible);
  return rows.length === 0 ? { columns, rows } : { columns: pick(columns), rows: rows.map(pick) };
}

/** `name  value`, the value going on below itself. */
function renderPairs(rows: Table['rows'], width: number): string {
  const names = Math.min(12, Math.max(...rows.map(([name = '']) => name.length)));
  const room = width - names - gap;
  return rows
    .map(([name = '', value = '']) =>
      wrap(value, room)
        .map((line, index) => `${(index === 0 ? name : '').padEnd(names)}${' '.repeat(gap)}${line}`)
        .join('\n'),
    )
    .join('\n');
}

/** As many of the first columns as fit on a line without their names; the others below, each with its name. */
function renderEntry(columns: readonly string[], row: readonly string[], width: number): string {
  const head: string[] = [];
  let used = 0;
  for (const cell of row) {
    if (head.length > 0 && (used + cell.length > width || cell.includes('\n') || head.length === 2)) break;
    head.push(cell);
    used += cell.length + gap;
  }
  const rest = columns.flatMap((column, index) =>
    index < head.length || isEmpty(row[index]) ? [] : [`${column.toLowerCase()} ${row[index]}`],
  );
  const lines: string[] = [];
  for (const part of rest) {
    const joined = `${lines.at(-1)} · ${part}`;
    if (lines.length > 0 && !part.includes('\n') && joined.length <= width - indent.length) {
      lines[lines.length - 1] = joined;
    } else lines.push(part);
  }
  const below = lines.flatMap((line) => wrap(line, width - indent.length)).map((line) => indent + line);
  return [...wrap(head.join('  '), width), ...below].join('\n');
}

/** Lines of at most this width, broken between words where there are any. */
function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    const made: string[] = [];
    let rest = line;
    while (rest.length > width) {
      const space = rest.lastIndexOf(' ', width);
      const at = space > width / 2 ? space : width;
      made.push(rest.slice(0, at));
      rest = rest.slice(at).trimStart();
    }
    return [...made, rest];
  });
}

function longestLine(cell: string): number {
  return Math.max(...cell.split('\n').map((line) => line.length));
}

function isEmpty(cell: string | undefined): boolean {
  return cell === undefined || cell === '' || cell === '-';
}
