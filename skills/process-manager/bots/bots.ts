// The bots of one instance, behind one object: what can be asked of them, and what the supervisor does for them.

import type { Database } from 'better-sqlite3';
import { type Clock, Failure, type History, type Logger } from '../../tool.ts';
import type { Hooks } from '../hooks/index.ts';
import type { EngineName, Processes } from '../processes/index.ts';
import type { Settings } from '../settings.ts';
import { type Outcome, startAll, stopAll } from './all.ts';
import { type ConsoleLine, showOutput } from './console.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { type BotPlan, planBots, stagingName } from './plan.ts';
import { createReadiness } from './ready.ts';
import { type Asker, pauseBot, restartBot, resumeBot, startBot, stopBot, updateBot } from './requests.ts';
import { requireStartable } from './start.ts';
import { type BotStatus, statusesOf, tailOf } from './status.ts';
import { createBotStore } from './store.ts';
import { type BotSurroundings, enginesInUse, refresh } from './surroundings.ts';
import type { UpdateResult } from './update/update.ts';

/** What can be done with the bots of an instance. Each call that names a bot fails when there is none of that name. */
export interface Bots {
  readonly names: readonly string[];
  /** Bots that can be updated from a repository. */
  readonly updatable: readonly string[];
  has(name: string): boolean;
  logOf(name: string): string;
  /** The engines that carry bots, or are to. */
  engines(): ReadonlySet<EngineName>;
  /** Asks those engines how things are, where no supervisor does it all the time. */
  refresh(): Promise<void>;
  /** True while somebody has asked for a start that has not come about. */
  isAskedFor(name: string): boolean;
  /** What an engine's new run of a bot has to know of it. */
  carried(): { name: string; log: string; directory: string; command: string }[];
  tail(name: string, count: number): string[];
  status(name: string): Promise<BotStatus>;
  statuses(): Promise<BotStatus[]>;
  start(name: string, asker: Asker): Promise<BotStatus>;
  /** `ran` is false when it did not run before either. */
  stop(name: string, asker: Asker): Promise<{ readonly bot: BotStatus; readonly ran: boolean }>;
  /** Its run is about to be ended by somebody: it is not to be started again. False when it is no bot any more. */
  unwant(name: string): boolean;
  restart(name: string, asker: Asker): Promise<BotStatus>;
  pause(name: string): Promise<BotStatus>;
  resume(name: string): Promise<BotStatus>;
  update(name: string, asker: Asker, options: { readonly restart: boolean }): Promise<UpdateResult>;
  startAll(asker: Asker): Promise<Outcome[]>;
  stopAll(asker: Asker): Promise<void>;
  /** What keeps bots from being started, as far as that can be seen without starting them. */
  examine(): { readonly name: string; readonly failure: Failure }[];
  /** For the supervisor. `onChange` asks it for another look. */
  keep(onChange: () => void): Keeper;
  /** Shows what bots print from now on. */
  show(print: (line: ConsoleLine) => void): { stop(): void };
  /** Uses other settings from now on: the configuration has changed. */
  configure(settings: Settings): void;
}

/** The bots of the instance at a root. */
export function createBots(options: {
  root: string;
  settings: Settings;
  database: Database;
  processes: Processes;
  hooks: Hooks;
  history: History;
  logger: Logger;
  clock: Clock;
  isSupervised(): boolean;
}): Bots {
  const { root, database, clock } = options;
  let settings = options.settings;
  let plans = planBots(root, settings);
  const surroundings: BotSurroundings = {
    ...options,
    store: createBotStore(database),
    readiness: createReadiness(clock),
    plans: () => plans,
    limits: () => settings.globalSettings,
  };
  const planOf = (name: string): BotPlan => {
    const plan = plans.get(name);
    if (plan) return plan;
    const isProcess = options.processes.registry.search(name).length > 0;
    throw new Failure(
      'unknown_bot',
      `There is no bot '${name}'${isProcess ? ', only a process of that name' : ''}.`,
      isProcess
        ? `Processes are ended with: understudy kill ${name}`
        : `The bots are: ${[...plans.keys()].join(', ')}. Others are made in config.json ("bots") or bot_config.yaml.`,
    );
  };
  const statusOf = async (name: string, options: { withCpu?: boolean } = {}): Promise<BotStatus> => {
    const [found] = await statusesOf(surroundings, [planOf(name)], options);
    if (!found) throw new Error(`no status of ${name}`);
    return found;
  };
  return {
    get names() {
      return [...plans.keys()];
    },
    get updatable() {
      return [...plans.values()].flatMap(({ name, update }) => (update ? [name] : []));
    },
    has: (name) => plans.has(name),
    logOf: (name) => planOf(name).log,
    engines: () => enginesInUse(surroundings),
    refresh: () => refresh(surroundings),
    isAskedFor: (name) => surroundings.store.read(name).startReason !== null,
    carried: () =>
      [...plans.values()].map(({ name, log, directory, argv }) => {
        return { name, log, directory, command: argv.join(' ') };
      }),
    tail: (name, count) => tailOf(planOf(name), count),
    status: (name) => statusOf(name, { withCpu: true }),
    statuses: () => statusesOf(surroundings, [...plans.values()]),
    start: async (name, asker) => {
      await startBot(surroundings, planOf(name), asker);
      return statusOf(name);
    },
    stop: async (name, asker) => {
      const ran = await stopBot(surroundings, planOf(name), asker);
      return { bot: await statusOf(name), ran };
    },
    unwant: (name) => {
      if (plans.has(name)) surroundings.store.wantStopped(name);
      return plans.has(name);
    },
    restart: async (name, asker) => {
      await restartBot(surroundings, planOf(name), asker);
      return statusOf(name);
    },
    pause: async (name) => {
      await pauseBot(surroundings, planOf(name));
      return statusOf(name);
    },
    resume: async (name) => {
      await resumeBot(surroundings, planOf(name));
      return statusOf(name);
    },
    update: async (name, asker, { restart }) => updateBot(surroundings, planOf(name), asker, { restart }),
    startAll: (asker) => startAll(surroundings, asker),
    stopAll: (asker) => stopAll(surroundings, asker),
    examine: () =>
      [...plans.values()].flatMap((plan) => {
        try {
          if (plan.name !== stagingName) requireStartable(plan);
          return [];
        } catch (error) {
          if (error instanceof Failure) return [{ name: plan.name, failure: error }];
          throw error;
        }
      }),
    keep: (onChange) => createKeeper(surroundings, onChange),
    show: (print) => showOutput(surroundings.plans, print),
    configure: (changed) => {
      settings = changed;
      plans = planBots(root, settings);
    },
  };
}
