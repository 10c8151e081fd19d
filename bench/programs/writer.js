// writer.c for machines without a C compiler: the same arguments, the same lines, the same result.

import { existsSync, renameSync, writeFileSync, writeSync } from 'node:fs';

const [mode = 'line', lineCount = '0', result = '', go] = process.argv.slice(2);
const lines = Number(lineCount);
const perSecond = Number(mode) || 0;
const blockLines = mode === 'block' ? 655 : 1;
const text = ' worker-3 answered GET /api/items?page=7 in 12 ms and now waits for more to do';
const cell = new Int32Array(new SharedArrayBuffer(4));

while (go !== undefined && !existsSync(go)) Atomics.wait(cell, 0, 0, 1);
const start = process.hrtime.bigint();
let block = '';
for (let number = 1; number <= lines; number++) {
  const level = number % 10_000 === 0 ? ' ERROR' : ' INFO ';
  block += `${String(number).padStart(10, '0')}${level}${text.padEnd(83, '.')}\n`;
  if (number % blockLines === 0 || number === lines) {
    const bytes = Buffer.from(block, 'latin1');
    for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done);
    block = '';
  }
  if (perSecond > 0 && number % 100 === 0) {
    const leftMs = (number * 1_000) / perSecond - Number(process.hrtime.bigint() - start) / 1e6;
    if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs);
  }
}
writeFileSync(`${result}.new`, `${process.hrtime.bigint() - start}\n`);
renameSync(`${result}.new`, result);
