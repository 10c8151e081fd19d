// Whether a followed log repeats itself.

import { array, assert, integer, property } from 'fast-check';
import { expect, it } from 'vitest';
import type { Piece } from '../../../../../skills/process-manager/containers/output/frames.ts';
import { createOrder } from '../../../../../skills/process-manager/containers/output/order.ts';

const piece = (nanoseconds: number, stream = 1, text = 'x\n'): Piece => ({
  at: `2026-01-02T03:04:05.${String(nanoseconds).padStart(9, '0')}Z`,
  stream,
  bytes: Buffer.from(text),
});

it('lets two streams be stamped side by side, and a long line come in pieces of one moment', () => {
  const order = createOrder();
  const pieces = [piece(5), piece(7, 2), piece(6), piece(8, 1, 'half'), piece(8, 1, 'whole\n'), piece(7, 2)];
  // The last one is of the moment of its stream's newest, and others have come in between.
  expect(order.inOrder(pieces)).toBe(5);
});

it('sees where a stream begins again, also across chunks', () => {
  const order = createOrder();
  expect(order.inOrder([piece(1), piece(2), piece(3)])).toBe(3);
  expect(order.inOrder([piece(4), piece(2), piece(3)])).toBe(1);
});

it('finds the first of whatever is served again, wherever the repetition begins', () =>
  assert(
    property(
      array(integer({ min: 1, max: 2 }), { minLength: 2, maxLength: 40 }),
      integer({ min: 0 }),
      (streams, seed) => {
        const log = streams.map((stream, index) => piece(index * 10, stream));
        const from = seed % (log.length - 1);
        const served = [...log, ...log.slice(from)];
        const found = createOrder().inOrder(served);
        expect(found).toBe(log.length);
      },
    ),
  ));
