// Draws a tool's view for a terminal: a table that fits the window, or everything when there is no window.

import type { View } from '../../skills/tool.ts';

const gap = '  ';
const leastColumn = 12;

/** The view as text, without a newline at its end. `width` is undefined when nobody looks (a pipe, a file). */
export function renderView(view: View, width?: number): string {
  // Whoever pipes a log on wants its bytes; whoever looks at it must not be steered by them.
  const shown = (text: string) => (width === undefined ? text : printable(text));
  const parts = [
    view.heading,
    ...[...(view.table ? [view.table] : []), ...(view.tables ?? [])].map(
      (table, index) => `${index === 0 ? '' : '\n'}${renderTable(table.columns, table.rows, width)}`,
    ),
    view.text,
    ...(view.notes ?? []),
  ];
  return parts.flatMap((part) => (part === undefined ? [] : [shown(part)])).join('\n');
}

function renderTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string {
  // A cell may hold several lines; each further one gets a row of its own.
  const lines = rows.flatMap((row) => {
    const cells = row.map((cell) => printable(cell).split('\n'));
    const height = Math.max(...cells.map((cell) => cell.length));
    return Array.from({ length: height }, (_, index) => cells.map((cell) => cell[index] ?? ''));
  });
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...lines.map((line) => (line[index] ?? '').length)),
  );
  return [columns, ...lines].map((line) => cutToWidth(line, widths, width)).join('\n');
}

/** Only the last column is cut: it is the one that holds commands and details. */
function cutToWidth(cells: readonly string[], widths: readonly number[], width: number | undefined): string {
  const last = cells.length - 1;
  const head = cells.slice(0, last).map((cell, index) => cell.padEnd(widths[index] ?? 0) + gap);
  const used = head.join('').length;
  const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(leastColumn, width - used);
  const tail = cells[last] ?? '';
  return `${head.join('')}${tail.length > room ? `${tail.slice(0, room - 1)}…` : tail}`.trimEnd();
}

/** Control characters of somebody's output must not steer the reader's terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
