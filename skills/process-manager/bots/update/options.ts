// What an update is asked for and what it answers, and what its parts share while it runs.

import type { Git, Step } from './git.ts';
import type { Store } from './store.ts';

/** What an update of one bot needs to know. */
export interface UpdateOptions {
  /** The bot's name, for messages. */
  readonly name: string;
  /** The instance root, absolute. */
  readonly root: string;
  /** The bot's folder, absolute. */
  readonly directory: string;
  readonly repoUrl: string;
  /** `repo_branch`; the remote's default branch when undefined. */
  readonly branch: string | undefined;
  /** Replace local changes and a diverged history instead of skipping the update. */
  readonly forceSync: boolean;
  /** Files and folders, relative to the directory, that every update leaves as they are. */
  readonly preserveFiles: readonly string[];
  /** Told what happens, in words for people; credentials are masked. */
  readonly onProgress: (message: string) => void;
  /** Aborted when nobody wants the update any more: git is ended, everything is put back, and the update throws. */
  readonly signal: AbortSignal;
  /** Git is ended when it prints nothing for this long. */
  readonly silenceMs?: number;
  /** Git is ended when one command takes this long in all. */
  readonly mostMs?: number;
}

/** What of the options a recovery needs. */
export type RecoveryOptions = Pick<UpdateOptions, 'name' | 'root' | 'directory' | 'onProgress'>;

/** What came of an update. */
export interface UpdateResult {
  /** `skipped` is for what only a person can decide; `detail` says what to do. */
  readonly outcome: 'updated' | 'current' | 'skipped';
  /** Short hash of the commit before; null when there was none. */
  readonly from: string | null;
  /** Short hash of the commit that was wanted, where it was found out. */
  readonly to: string | null;
  /** One sentence for people. */
  readonly detail: string;
}

/** What the configuration wants, once it has been checked. */
export interface Wanted {
  readonly repoUrl: string;
  readonly branch: string | undefined;
  readonly forceSync: boolean;
  /** As paths of git, below the bot's folder. */
  readonly preserve: readonly string[];
}

/** One update while it runs. */
export interface Session {
  readonly name: string;
  /** The bot's folder, without symbolic links. */
  readonly folder: string;
  /** The same, seen from the instance root. */
  readonly place: string;
  readonly store: Store;
  /** Locks of git that are older than this moment are somebody else's. */
  readonly since: number;
  readonly git: Git;
  readonly say: (message: string) => void;
  readonly mask: (text: string) => string;
  /** Called at each step that a kill may cut off, so that tests can kill there. */
  readonly step: Step;
}
