// What promotions, reverts and rollbacks of one instance work with, and what is asked of them.

import type { Clock, Progress } from '../../tool.ts';

/** The part of config.json that is about releases. */
export interface ReleaseSettings {
  readonly projectType: 'normal' | 'runner-dev';
  readonly gates?: readonly string[] | undefined;
  readonly gateTimeoutSeconds: number;
  readonly exclude: readonly string[];
}

/** How the live bot is started and judged, as a config.json says it. */
export interface LiveSettings {
  readonly command: readonly string[];
  readonly [key: string]: unknown;
}

/** One instance. */
export interface Surroundings {
  readonly root: string;
  /** The tree that is promoted, and that a revert fills: the staging bot's. */
  readonly staging: string;
  readonly settings: ReleaseSettings;
  readonly clock: Clock;
  readonly environment: NodeJS.ProcessEnv;
  /** The `live` part of a candidate's config.json, validated; a Failure when it cannot be used. */
  readonly readLive: (config: unknown) => LiveSettings;
}

/** Who asks for something, and waits for it. */
export interface Caller {
  readonly requestedBy: string;
  readonly channel?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress: (step: Progress) => void;
}
