// The engines of one instance, each made on its first use. One that does not answer is no reason for anything else to fail
// or to wait: what it carries stays as it was last seen, and whoever looks is told so.

import type { Logger } from '../../tool.ts';
import type { EngineNotes } from './engine-notes.ts';
import type { EngineName, EngineRunner } from './runner.ts';

/** Nobody waits longer for an engine to tell how things are. */
const patienceMs = 5_000;
/** One that was waited for in vain is not waited for again at once, however many questions a command has. */
const slowMs = 1_000;
const quietMs = 2_000;
/** How often the supervisor looks which engines are in use. */
const lookMs = 1_000;

/** The engines that are in use, and what is the matter with them. */
export interface Engines {
  get(name: EngineName): Promise<EngineRunner>;
  /** Does it, or notes why it could not be done. */
  tryTo<T>(name: EngineName, work: (engine: EngineRunner) => Promise<T>): Promise<T | undefined>;
  troubleOf(name: EngineName): string | undefined;
  attend(names: () => Iterable<EngineName>, onChange: () => void): { stop(): Promise<void> };
}

/** Engines are made by `make`. */
export function createEngines(
  make: (name: EngineName) => Promise<EngineRunner>,
  notes: Pick<EngineNotes, 'trouble' | 'noteTrouble'>,
  logger: Logger,
): Engines {
  const made = new Map<EngineName, Promise<EngineRunner>>();
  const quietUntil = new Map<EngineName, number>();
  const get = (name: EngineName) => {
    const known = made.get(name);
    if (known) return known;
    const making = make(name);
    made.set(name, making);
    // What could not be made, for want of a setting perhaps, is made again.
    making.catch(() => made.delete(name));
    return making;
  };
  const note = (name: EngineName, trouble: string | undefined) => {
    // Everybody sees it, also those who ask the tables because a supervisor asks the engine.
    if (notes.trouble(name) === trouble) return;
    notes.noteTrouble(name, trouble);
    if (trouble !== undefined) logger.warn({ engine: name }, `${name} cannot be asked: ${trouble}`);
    else logger.info({ engine: name }, `${name} answers again`);
  };
  return {
    get,
    async tryTo(name, work) {
      if (performance.now() < (quietUntil.get(name) ?? 0)) return undefined;
      const askedAt = performance.now();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs / 1_000} s`)), patienceMs);
      });
      try {
        const result = await Promise.race([get(name).then(work), late]);
        note(name, undefined);
        return result;
      } catch (error) {
        if (performance.now() - askedAt > slowMs) quietUntil.set(name, performance.now() + quietMs);
        note(name, error instanceof Error ? error.message : String(error));
        return undefined;
      } finally {
        clearTimeout(timer);
      }
    },
    troubleOf: (name) => notes.trouble(name),
    attend(names, onChange) {
      const attended = new Map<EngineName, Promise<{ stop(): Promise<void> }>>();
      const look = () => {
        for (const name of names()) {
          if (attended.has(name)) continue;
          const attending = get(name).then((engine) =>
            engine.attend(onChange, (trouble) => note(name, trouble)),
          );
          attended.set(name, attending);
          attending.catch((error) => {
            note(name, error instanceof Error ? error.message : String(error));
            attended.delete(name);
          });
        }
      };
      look();
      const timer = setInterval(look, lookMs);
      return {
        stop: async () => {
          clearInterval(timer);
          await Promise.all(
            [...attended.values()].map(async (attending) => (await attending.catch(() => undefined))?.stop()),
          );
        },
      };
    },
  };
}
