// How an engine is to carry a bot, once its settings are put together.

/** How a bot is to be carried by an engine. Everything is decided; nothing here names a file of this machine but the folder. */
export interface ContainerPlan {
  /** The image to run; without it, one is built from the folder. */
  readonly image: string | undefined;
  readonly dockerfile: string | undefined;
  /** What is run: an argv, or what the image says. */
  readonly command: readonly string[] | 'image';
  /** True when the argv is only a guess from a script's name: an image that says what it runs knows better. */
  readonly isCommandGuessed: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly keep: readonly string[];
  readonly volumeDriver: string;
  readonly volumeOptions: Readonly<Record<string, string>>;
  readonly network: string | undefined;
  readonly memoryBytes: number | undefined;
  readonly cpus: number | undefined;
  readonly reserve: { readonly cpus: number | undefined; readonly memoryBytes: number | undefined };
  readonly constraints: readonly string[];
  readonly trialMs: number;
  /** How long a node may take to be found. */
  readonly readyMs: number;
  readonly restart: 'on-failure' | 'always' | 'no';
  readonly restartDelayMs: number;
  readonly mostRestarts: number;
}
