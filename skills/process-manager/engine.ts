// What the tools of this skill work with: the surroundings that the host gave, and on top of them processes and hooks,
// each made on its first use, since the command line waits for nothing that it does not need.

import { join } from 'node:path';
import type { Host } from '../tool.ts';
import { type Bots, createBots } from './bots/index.ts';
import { makeEngine } from './containers/index.ts';
import { engineEvents } from './engine-events.ts';
import { createHooks, type Hooks } from './hooks/index.ts';
import { createProcesses, type Processes } from './processes/index.ts';
import { createReleases, type Releases } from './releases/index.ts';
import { readLiveSettings, type Settings } from './settings.ts';
import { isSupervised } from './supervisor/index.ts';

/** Handed to every handler as `context.engine`. */
export interface Engine extends Host<Settings> {
  readonly processes: Processes;
  readonly hooks: Hooks;
  readonly bots: Bots;
  readonly releases: Releases;
  /** The folder that agents' commands are confined to. */
  readonly workspace: string;
  /** True while somebody fires hooks, restarts bots and trims logs. */
  isSupervised(): boolean;
}

/** The engine of one instance. */
export function createEngine(host: Host<Settings>): Engine {
  const processes: () => Processes = once(() =>
    createProcesses({
      database: host.database(),
      root: host.root,
      clock: host.clock,
      logger: host.logger,
      makeEngine: (name, surroundings) =>
        makeEngine(name, surroundings, {
          settings: () => host.readSettings().docker,
          events: engineEvents({
            hooks,
            history: host.history,
            clock: host.clock,
            isAskedFor: (bot) => bots().isAskedFor(bot),
          }),
          bots: () => bots().carried(),
        }),
    }),
  );
  const hooks: () => Hooks = once(() =>
    createHooks({
      database: host.database(),
      processes: processes(),
      history: host.history,
      logger: host.logger,
      clock: host.clock,
      secrets: host.secrets,
    }),
  );
  const bots: () => Bots = once(() =>
    createBots({
      root: host.root,
      settings: host.settings,
      database: host.database(),
      processes: processes(),
      hooks: hooks(),
      history: host.history,
      logger: host.logger,
      clock: host.clock,
      isSupervised: () => isSupervised(host.root),
    }),
  );
  const releases = once(() =>
    createReleases({
      root: host.root,
      settings: host.settings.releases,
      clock: host.clock,
      environment: process.env,
      readLive: readLiveSettings,
    }),
  );
  return {
    ...host,
    get processes() {
      return processes();
    },
    get hooks() {
      return hooks();
    },
    get bots() {
      return bots();
    },
    get releases() {
      return releases();
    },
    workspace: host.workspace ?? host.root,
    isSupervised: () => isSupervised(host.root),
  };
}

/** What a person is told after asking for something that only a supervisor does. */
export const nobodyWatches =
  'Nobody is watching at the moment: hooks, timeouts and restarts wait until the bot runs (npm start), or understudy start_all.';

/** The log of the live bot. */
export function liveLog(root: string): string {
  return join(root, 'logs', 'live.log');
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
