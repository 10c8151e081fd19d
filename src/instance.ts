// Puts an instance together: configuration, database, history, skills, dispatcher. The bot and the command line
// both start here, so there is one set of rules however a call arrives.

import { join, resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import { createDispatcher } from '../skills/dispatch.ts';
import { unknownTools } from '../skills/policy.ts';
import { createMask } from '../skills/process-manager/index.ts';
import { type Catalogue, createCatalogue, type LoadedSkills } from '../skills/registry.ts';
import {
  type Bot,
  type Clock,
  type Dispatcher,
  type Failure,
  type History,
  type Host,
  isFailure,
  type Logger,
  type Migration,
  type Running,
} from '../skills/tool.ts';
import { agentMigrations, createModels, describeBranches, type Models } from './agent/index.ts';
import { type Config, defaultConfig, instanceFiles, loadConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { diagnose } from './diagnosis.ts';
import { createHistory, historyMigrations } from './history.ts';

/** A folder that was opened: what the surfaces work with. */
export interface Instance {
  readonly root: string;
  readonly config: Config;
  readonly catalogue: Catalogue;
  readonly dispatcher: Dispatcher;
  readonly history: History;
  /** Opened on the first call. */
  database(): Database;
  /** The language models; undefined without a key. */
  models(): Models | undefined;
  /** What the skills have to tell the agent at each of its turns. */
  briefings(): Promise<string[]>;
  /** Starts what skills do all the time; a staging bot starts none of what it may not call. */
  startSkills(bot: Omit<Bot, 'dispatcher'>): Required<Running>;
  close(): void;
}

/** What an instance is made of. */
export interface InstanceOptions {
  readonly root: string;
  readonly loaded: LoadedSkills;
  readonly environment: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Asks a cheap model; left out where there is none. */
  readonly think?: Host<unknown>['think'];
  /** Of whatever else keeps tables in the instance's database. */
  readonly migrations?: readonly Migration[];
  /** Go on with defaults when config.json cannot be used: `doctor` says what is wrong with it. */
  readonly tolerateBroken?: boolean;
}

/** Opens the instance at a root. A configuration that cannot be used is a Failure, unless it is tolerated. */
export function openInstance(options: InstanceOptions): Instance {
  const { root, loaded, logger, clock = { now: Date.now } } = options;
  const { config, problem } = readConfig(options);
  const migrations = [
    ...historyMigrations,
    ...agentMigrations,
    ...loaded.skills.flatMap((skill) => skill.migrations),
    ...(options.migrations ?? []),
  ];

  let opened: Database | undefined;
  const database = () => {
    opened ??= openDatabase(root, migrations);
    return opened;
  };
  const history = createHistory(database, clock);
  let made: { models: Models | undefined } | undefined;
  const models = () => {
    made ??= { models: createModels({ config, environment: config.environment, logger, clock }) };
    return made.models;
  };
  const hostFor = (): Host<never> => ({
    root,
    role: config.environment.role,
    ...(config.agent.workspace === undefined ? {} : { workspace: resolve(root, config.agent.workspace) }),
    secrets: config.environment.secrets,
    // Every skill's settings are validated keys of config.json; which of them it reads, its own type says.
    settings: config as never,
    readSettings: () => loadConfig(root, options.environment) as never,
    settingsFiles: instanceFiles.map((name) => join(root, name)),
    logger,
    clock,
    history,
    database,
    branches: () => describeBranches(database()),
    ...optional('think', options.think ?? models()?.think),
    diagnose: async () =>
      diagnose({
        config,
        problem,
        database,
        loaded: { ...loaded, failures: [...loaded.failures, ...catalogue.conflicts] },
        unknownRules: unknownTools(config.policy, names),
      }),
  });
  const catalogue = createCatalogue(loaded.skills, hostFor);
  const allowed = () =>
    catalogue.skills.filter(({ skill }) => skill.allowedInStaging || config.environment.role === 'live');
  const names = new Set(catalogue.entries.flatMap(({ tool }) => [tool.name, ...(tool.aliases ?? [])]));
  const dispatcher = createDispatcher({
    find: catalogue.find,
    role: config.environment.role,
    policy: config.policy,
    history,
    logger,
    clock,
    mask: createMask(config.environment.secrets),
  });
  return {
    root,
    config,
    catalogue,
    dispatcher,
    history,
    database,
    models,
    briefings: () => Promise.all(allowed().map((each) => brief(each, logger))),
    startSkills: (bot) => {
      const started = allowed().flatMap(
        ({ skill, engine }) => skill.start?.(engine() as never, { ...bot, dispatcher }) ?? [],
      );
      return {
        get isInCharge() {
          return started.some((running) => running.isInCharge);
        },
        stop: () => {
          for (const running of started) running.stop();
        },
        stopAll: async (tell, signal) => {
          for (const running of started) await running.stopAll?.(tell, signal);
        },
      };
    },
    close: () => opened?.close(),
  };
}

/** A skill that cannot say anything now must not keep the agent from its work. */
async function brief({ skill, engine }: Catalogue['skills'][number], logger: Logger): Promise<string> {
  try {
    return (await skill.briefing?.(engine() as never)) ?? '';
  } catch (error) {
    logger.warn({ skill: skill.name, error: String(error) }, 'a skill could not brief the agent');
    return '';
  }
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}

/** Where the skills of this code are. */
export function skillsFolder(codeRoot: string): string {
  return join(codeRoot, 'skills');
}

function readConfig({ root, environment, tolerateBroken }: InstanceOptions): {
  config: Config;
  problem?: Failure;
} {
  try {
    return { config: loadConfig(root, environment) };
  } catch (error) {
    if (!tolerateBroken || !isFailure(error) || !error.code.startsWith('config_')) throw error;
    return { config: defaultConfig(root, environment), problem: error };
  }
}
