// What the runners of this room work with.

import type { EngineSurroundings, ProcessRow } from '../processes/index.ts';
import type { Client } from './client.ts';
import type { Instance } from './names.ts';

/** The part of the settings that is about engines. */
interface EngineSettings {
  readonly host?: string | undefined;
  readonly registry?: string | undefined;
  readonly instance?: string | undefined;
}

/** What happens on an engine without anybody here having asked for it. */
export interface EngineEvents {
  /** A run has ended, and the engine's next run of the same bot is about to get its row. */
  settleEnd(row: ProcessRow): Promise<void>;
  /** In the transaction that writes the row of a run that the engine has started by itself. */
  succeeded(before: ProcessRow, next: ProcessRow): void;
  /** In the transaction that notes it. */
  rolledBack(bot: string, run: ProcessRow | undefined, reason: string): void;
  /** The engine has thrown away output before it could be fetched. */
  missed(row: ProcessRow): void;
}

/** A bot that a swarm keeps. */
export interface EngineBot {
  readonly name: string;
  readonly log: string;
  readonly directory: string;
  readonly command: string;
}

/** What the host of an engine adds. */
export interface EngineHost {
  settings(): EngineSettings;
  readonly events: EngineEvents;
  /** The bots that there may be in a swarm. */
  bots(): EngineBot[];
}

/** Handed to everything in this room. */
export interface Surroundings extends EngineSurroundings, EngineHost {
  readonly client: Client;
  readonly instance: Instance;
  /** True while this process follows the log of a run. */
  isFollowed(id: string): boolean;
  following<T>(id: string, work: () => Promise<T>): Promise<T>;
}

/** Remembers whose logs are being followed. */
export function createFollowing(): Pick<Surroundings, 'isFollowed' | 'following'> {
  const followed = new Set<string>();
  return {
    isFollowed: (id) => followed.has(id),
    async following(id, work) {
      followed.add(id);
      try {
        return await work();
      } finally {
        followed.delete(id);
      }
    },
  };
}
