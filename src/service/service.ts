// What a boot service of an instance is: one file, the commands that make it known, and those that take it away again.

/** Who starts programs at boot. */
export type Manager = 'systemd' | 'launchd' | 'scheduler';

/** For one user, who has logged in or lingers; or for the machine. */
export type Scope = 'user' | 'system';

/** Everything that a service depends on. */
export interface ServiceOptions {
  readonly manager: Manager;
  readonly scope: Scope;
  /** The instance root, as the operating system knows it. */
  readonly root: string;
  /** The Node that runs the watchdog. */
  readonly node: string;
  /** Folders of programs, as the person who installs it has them. */
  readonly path: string;
  readonly home: string;
  /** Where the user's own settings are, where that is not in `home`. */
  readonly configHome?: string | undefined;
  /** Whose bot a service of the machine runs as; undefined for root's own. */
  readonly owner?: string | undefined;
  readonly userId: number;
  /** Whether systemd can be told how the watchdog is; without it the service is a simple one. */
  readonly canNotify: boolean;
}

/** One program to run. */
export interface Command {
  readonly words: readonly string[];
  /** It fails where there is nothing to do. */
  readonly mayFail?: boolean;
}

/** A service, thought through. */
export interface Service {
  readonly name: string;
  readonly file: string;
  readonly content: string;
  readonly encoding: 'utf8' | 'utf16le';
  /** After the file is written. */
  readonly enable: readonly Command[];
  /** Before the file is removed. */
  readonly disable: readonly Command[];
  /** After it is removed. */
  readonly forget: readonly Command[];
  /** Has a new file take effect at once; left out where enabling it does so. */
  readonly restart?: readonly (readonly string[])[];
  /** Prints how it is. */
  readonly query: readonly string[];
  /** What a person should know or do. */
  readonly notes: readonly string[];
}

/** In every file that we write, so that no other is ever overwritten. */
export const marker = 'Written by `understudy service install`';
