import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderTable } from '../../../../src/discord/render/table.ts';

describe('a table', () => {
  it('that fits a phone is a table', () => {
    const table = {
      columns: ['BOT', 'STATE'],
      rows: [
        ['a', 'running'],
        ['long-name', 'stopped'],
      ],
    };
    expect(renderTable(table)).toBe('BOT        STATE\na          running\nlong-name  stopped');
  });

  it('that does not fit is a list of entries, without what says nothing', () => {
    const table = {
      columns: ['BOT', 'STATE', 'PID', 'UP', 'MEMORY', 'DETAIL'],
      rows: [
        [
          'DataBot',
          'running',
          '4711',
          '3 h 12 min',
          '-',
          'reads the data that somebody has written somewhere',
        ],
        ['Other', 'stopped', '-', '-', '-', ''],
      ],
    };
    expect(renderTable(table).split('\n')).toEqual([
      'DataBot  running',
      '  pid 4711 · up 3 h 12 min',
      '  detail reads the data that somebody has',
      '  written somewhere',
      'Other  stopped',
    ]);
  });

  it('of names and values keeps its values in their column', () => {
    const rows = [
      ['state', 'running'],
      ['because', 'it was asked for by somebody who wanted it to run'],
    ];
    expect(renderTable({ columns: ['', ''], rows })).toBe(
      'state    running\nbecause  it was asked for by somebody who\n         wanted it to run',
    );
  });

  it('is never wider than a phone, whatever is in it, and loses no cell', () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', 'b', ' ', '\n', 'long-word-that-goes-on'),
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 }), (rows) => {
        const drawn = renderTable({ columns: ['ONE', 'TWO', 'THREE'], rows });
        for (const line of drawn.split('\n')) expect(line.length).toBeLessThanOrEqual(42);
        const letters = (text: string) => text.replaceAll(/[^ab]|long-word-that-goes-on/g, '').length;
        expect(letters(drawn)).toBeGreaterThanOrEqual(letters(rows.flat().join('')));
      }),
    );
  });
});
