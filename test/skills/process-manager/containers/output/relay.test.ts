// The way of a log from an engine to us: whatever dies at whatever moment, every byte comes once and in order.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRelay } from '../../../../../skills/process-manager/containers/output/relay.ts';
import { createEngineLog, numbersIn, type Printing, type SinceRule } from '../../../../support/engine-log.ts';
import { makeEngine } from '../../../../support/manager.ts';
import { createRelays, insertRun } from '../../../../support/relayed-log.ts';

type Step =
  | { readonly do: 'print'; readonly what: Printing }
  | { readonly do: 'begin' | 'drop'; readonly slot: number }
  | { readonly do: 'take'; readonly slot: number; readonly most: number }
  | { readonly do: 'die'; readonly slot: number; readonly most: number; readonly after: number }
  | { readonly do: 'trim' | 'rotate'; readonly kept: number }
  | { readonly do: 'clock' | 'clock while followed'; readonly ms: number }
  | { readonly do: 'follow' | 'empty' | 'bring' };

const second = 1_000_000_000;
const streams = fc.constantFrom(1 as const, 2 as const);
const printOf = (kinds: Printing['kind'][], after: fc.Arbitrary<number>, late: number[]) =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    stream: streams,
    afterNs: after,
    lateNs: fc.constantFrom(...late),
  });
const stepOf = (what: fc.Arbitrary<Printing>): fc.Arbitrary<Step> =>
  what.map((printing) => ({ do: 'print', what: printing }));
/** Everything, the same moment too. */
const print = stepOf(
  printOf(
    ['line', 'line', 'part'],
    fc.oneof(fc.constantFrom(0, 1, 999), fc.integer({ min: 0, max: 4 * second })),
    [0, 0, 0, 1, 1_000, 50_000_000],
  ),
);
/** Moments that can be told from each other, as those of an engine can. */
const distinctNs = fc.integer({ min: 1, max: 3_000_000 }).map((us) => us * 1_000);
const plainLine = stepOf(printOf(['line'], distinctNs, [0]));
const crossing = stepOf(printOf(['line'], distinctNs, [0, 0, 1_000_007]));
const tangled = stepOf(printOf(['line', 'line', 'part'], distinctNs, [0, 0, 1_000_007]));

const slot = fc.constantFrom(0, 1);
const most = fc.constantFrom(1, 2, 5, 1_000);
const begin: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom('begin' as const, 'drop' as const), slot });
const take: fc.Arbitrary<Step> = fc.record({ do: fc.constant('take' as const), slot, most });
const die: fc.Arbitrary<Step> = fc.record({
  ...{ do: fc.constant('die' as const), slot, most },
  after: fc.constantFrom(0, 1, 7, 30, 1_000),
});
const keeping = (what: 'trim' | 'rotate', ...kept: number[]): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant(what), kept: fc.constantFrom(...kept) });
const trim = keeping('trim', 64, 200, 500);
const rotate = keeping('rotate', 1, 3, 8);
const clock = (what: 'clock' | 'clock while followed'): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant(what), ms: fc.constantFrom(1, 1_000, 5_000, 60_000) });
const bring: fc.Arbitrary<Step> = fc.constant({ do: 'bring' });
const empty: fc.Arbitrary<Step> = fc.constant({ do: 'empty' });

/** Whatever happens, printing most of all. */
const whatever = (printing: fc.Arbitrary<Step>, ...others: fc.Arbitrary<Step>[]) =>
  fc.array(fc.oneof(printing, printing, printing, take, take, begin, bring, ...others), {
    minLength: 5,
    maxLength: 80,
    size: 'max',
  });
const line = (afterMs: number): Step => ({
  do: 'print',
  what: { kind: 'line', stream: 1, afterNs: afterMs * 1_000_000, lateNs: 0 },
});
/** What was thrown away before anybody ever looked is not known to anybody. */
const seenOnce = (story: fc.Arbitrary<Step[]>) =>
  story.map((steps): Step[] => [line(1), { do: 'bring' }, ...steps]);

/** Carries a story out, and has one last look. */
function tell(story: readonly Step[], rule: SinceRule, where: ReturnType<typeof makeEngine>, name: string) {
  const engine = createEngineLog(rule);
  const row = insertRun(where.engine.processes.registry, where.root, { name });
  const relays = createRelays(where.database, row, engine);
  for (const step of story) {
    if (step.do === 'print') engine.print(step.what);
    else if (step.do === 'begin') relays.begin(step.slot);
    else if (step.do === 'drop') relays.drop(step.slot);
    else if (step.do === 'take') relays.take(step.slot, step.most);
    else if (step.do === 'die') relays.take(step.slot, step.most, step.after);
    else if (step.do === 'trim') relays.trim(step.kept);
    else if (step.do === 'rotate') engine.rotate(step.kept);
    else if (step.do === 'clock') engine.putClockBack(step.ms);
    else if (step.do === 'follow') relays.begin(2);
    else if (step.do === 'empty') relays.empty();
    else if (step.do === 'bring') relays.bring();
    else if (step.do === 'clock while followed' && relays.isOpen(2)) {
      relays.take(2, 1_000);
      engine.putClockBack(step.ms);
      engine.print({ kind: 'line', stream: 1, afterNs: 0, lateNs: 0 });
      relays.take(2, 1_000);
    }
  }
  relays.bring();
  return { engine, relays, since: () => createRelay(where.database, row, () => {}).since };
}

type Told = ReturnType<typeof tell>;

/** Holds of whatever happens to a log. */
function always(rule: SinceRule, story: fc.Arbitrary<Step[]>, holds: (told: Told) => void): void {
  const where = makeEngine();
  let count = 0;
  fc.assert(
    fc.property(story, (steps) => holds(tell(steps, rule, where, `bot${count++}`))),
    { numRuns: Number(process.env.RELAY_RUNS ?? 300) },
  );
}

const isExact = ({ engine, relays }: Told) => {
  expect(relays.history().toString()).toBe(engine.bytes.toString());
  expect(relays.gaps()).toBe(0);
};

describe.each<SinceRule>(['each', 'first'])('a relay, where an engine looks at %s piece', (rule) => {
  it(
    'brings exactly what was printed, whoever dies at whatever byte, and while the log is trimmed',
    () => always(rule, whatever(print, die, die, trim), isExact),
    120_000,
  );

  it(
    'brings nothing again when somebody empties the log',
    () => always(rule, whatever(print, empty, trim), isExact),
    120_000,
  );

  // What an old engine does not serve when nobody looks on while the clock goes back, nobody can have.
  const back = clock(rule === 'first' ? 'clock' : 'clock while followed');
  it(
    'brings exactly what was printed while the clock is put back',
    () => always(rule, whatever(print, back, die, trim), isExact),
    120_000,
  );

  it(
    'goes on with what the engine still has when that has thrown away the oldest, and tells of what is missing',
    () =>
      always(rule, seenOnce(whatever(plainLine, rotate)), ({ engine, relays }) => {
        const brought = numbersIn(relays.history());
        expect(brought).toEqual([...new Set(brought)].sort((one, other) => one - other));
        expect(brought).toEqual(expect.arrayContaining(numbersIn(engine.kept)));
        // Where even the newest line is gone that was brought, nobody can tell whether it was the last before.
        if (brought.length < engine.pieces.length) expect(relays.gaps()).toBeGreaterThan(0);
        for (const text of relays.taken()) expect(relays.history().includes(text)).toBe(true);
      }),
    120_000,
  );

  // A long line whose beginning was thrown away looks like any other: what an old engine has of its end may be missing.
  it('lacks nothing unless it tells so with the next whole line, however lines lie within each other', () => {
    const story = seenOnce(whatever(rule === 'first' ? tangled : crossing, rotate, trim)).map((steps) => [
      ...steps,
      line(5_000),
      line(1),
    ]);
    always(rule, story, (told) => {
      if (told.relays.gaps() === 0) isExact(told);
    });
  }, 120_000);
});

describe('a relay', () => {
  it('brings what is left of a flood once, however often is looked, and tells once of what is missing', () => {
    const flood = Array.from({ length: 20 }, () => line(1));
    const looks = Array.from({ length: 4 }, () => ({ do: 'bring' }) as const);
    const story: Step[] = [line(0), { do: 'bring' }, ...flood, { do: 'rotate', kept: 5 }, ...looks];
    const { relays } = tell(story, 'each', makeEngine(), 'bot');
    expect(numbersIn(relays.history())).toEqual([0, 16, 17, 18, 19, 20]);
    expect(relays.gaps()).toBe(1);
  });

  it('asks for what came in the last seconds only, but for the whole of a line that goes on', () => {
    const story = Array.from({ length: 30 }, () => line(500));
    const { engine, relays, since } = tell(story, 'each', makeEngine(), 'bot');
    expect(since()).toBe(engine.pieces[24]?.at);
    const printLines = () => {
      for (let count = 0; count < 20; count++)
        engine.print({ kind: 'line', stream: 1, afterNs: second, lateNs: 0 });
      relays.bring();
    };
    engine.print({ kind: 'part', stream: 2, afterNs: second, lateNs: 0 });
    const begun = engine.pieces.at(-1)?.at;
    printLines();
    expect((since() ?? '') <= (begun ?? '')).toBe(true);
    engine.print({ kind: 'line', stream: 2, afterNs: second, lateNs: 0 });
    printLines();
    expect((since() ?? '') > (begun ?? '')).toBe(true);
    isExact({ engine, relays, since });
  });

  it('leaves the log alone once the next run writes to it, or its row is gone', () => {
    const { engine, database, root } = makeEngine();
    const { registry } = engine.processes;
    const log = createEngineLog('each');
    const relays = createRelays(database, insertRun(registry, root, { name: 'bot' }), log);
    const print = () => log.print({ kind: 'line', stream: 1, afterNs: 1, lateNs: 0 });
    print();
    relays.begin(0);
    relays.bring();
    print();
    insertRun(registry, root, { name: 'bot' });
    relays.take(0, 10);
    relays.bring();
    expect(numbersIn(relays.history())).toEqual([0]);
    const gone = insertRun(registry, root, { name: 'other' });
    const late = createRelays(database, gone, log);
    late.begin(0);
    registry.remove(gone.id);
    late.take(0, 10);
    expect(late.history().toString()).toBe('');
  });

  it('fails where moments went back after it had asked, and the next one has everything', () => {
    const { engine, database, root } = makeEngine();
    const log = createEngineLog('each');
    const relays = createRelays(database, insertRun(engine.processes.registry, root, { name: 'bot' }), log);
    const print = (times: number) => {
      for (let count = 0; count < times; count++)
        log.print({ kind: 'line', stream: 1, afterNs: second, lateNs: 0 });
    };
    relays.begin(0);
    print(5);
    relays.take(0, 100);
    relays.begin(1);
    log.putClockBack(60_000);
    print(1);
    relays.take(0, 100);
    print(70);
    expect(relays.isOpen(1)).toBe(true);
    relays.take(1, 100);
    expect(relays.isOpen(1)).toBe(false);
    relays.bring();
    expect(relays.history().toString()).toBe(log.bytes.toString());
  });

  it('disturbs nobody while it passes on what others have brought long ago', () => {
    const { engine, database, root } = makeEngine();
    const log = createEngineLog('first');
    const relays = createRelays(database, insertRun(engine.processes.registry, root, { name: 'bot' }), log);
    const print = (times: number) => {
      for (let count = 0; count < times; count++)
        log.print({ kind: 'line', stream: 1, afterNs: second, lateNs: 0 });
    };
    relays.begin(0);
    print(8);
    relays.take(0, 100);
    log.putClockBack(60_000);
    print(3);
    relays.take(0, 100);
    relays.begin(1);
    for (let count = 0; count < 11; count++) relays.take(1, 1);
    print(3);
    relays.take(0, 100);
    expect([relays.isOpen(0), relays.isOpen(1)]).toEqual([true, true]);
    expect(relays.history().toString()).toBe(log.bytes.toString());
  });
});
