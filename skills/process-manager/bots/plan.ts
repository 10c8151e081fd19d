// What a bot is, once the settings, the folder that it lives in and the conventions of its kind are put together.
// Staging is a bot like any other here; it only has its own folder, environment and rules of what must be there.

import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { Failure } from '../../tool.ts';
import type { ContainerPlan } from '../processes/index.ts';
import type { Settings } from '../settings.ts';

/** The name of the built-in bot in staging/. */
export const stagingName = 'staging';

type BotSettings = Settings['bots'][string];

/** Where a bot's updates come from. */
interface UpdatePlan {
  readonly repoUrl: string;
  readonly branch: string | undefined;
  readonly forceSync: boolean;
  readonly preserveFiles: readonly string[];
  /** Before every start that somebody asks for, or only when somebody says `update`. */
  readonly automatic: boolean;
}

/** A bot as it is to be run. */
export interface BotPlan {
  readonly name: string;
  readonly directory: string;
  readonly argv: readonly string[];
  /** Its standard output and its standard error. */
  readonly log: string;
  readonly color: BotSettings['color'];
  readonly description: string | undefined;
  readonly restart: BotSettings['restart'];
  readonly autostart: boolean;
  readonly ready: BotSettings['ready'];
  readonly readyMs: number;
  readonly memoryLimitBytes: number | undefined;
  readonly schedule: string | undefined;
  readonly dependsOn: readonly string[];
  readonly update: UpdatePlan | undefined;
  readonly runner: BotSettings['runner'];
  /** How an engine is to carry it. */
  readonly container: ContainerPlan | undefined;
  /** Its standard input is held open. */
  readonly takesInput: boolean;
  /** Fails with a next step when something that it needs is not there; makes the folders that it writes to. */
  prepare(): void;
  /** All that the bot sees of our environment and of its settings. */
  environment(): Record<string, string>;
}

/** Every bot of an instance, by name, in the order of the settings, staging first. */
export function planBots(root: string, settings: Settings): Map<string, BotPlan> {
  const plans = new Map([[stagingName, planStaging(root, settings.staging)]]);
  const logs = resolve(root, settings.globalSettings.log_directory);
  for (const [name, bot] of Object.entries(settings.bots)) {
    plans.set(name, planBot(root, logs, name, bot, settings.globalSettings));
  }
  return plans;
}

function planBot(
  root: string,
  logs: string,
  name: string,
  bot: BotSettings,
  limits: Settings['globalSettings'],
): BotPlan {
  const directory = resolve(root, bot.directory);
  return {
    name,
    directory,
    argv: bot.command ?? commandOf(root, directory, bot.script ?? ''),
    log: join(logs, `${name}.log`),
    color: bot.color,
    description: bot.description,
    restart: bot.restart,
    autostart: bot.autostart,
    ready: bot.ready,
    readyMs: bot.readySeconds * 1_000,
    memoryLimitBytes: bytesOf(bot.memoryLimit),
    schedule: bot.schedule,
    dependsOn: bot.dependsOn,
    update: updateOf(bot),
    runner: bot.runner,
    container: bot.runner === 'local' ? undefined : planContainer(bot, limits),
    takesInput: bot.input,
    prepare: () => {
      requireFolder(name, directory, bot.repo_url);
      if (bot.script !== undefined) requireScript(name, directory, bot.script);
    },
    environment: () => ({ ...passedOn(), ...bot.env }),
  };
}

function planContainer(bot: BotSettings, limits: Settings['globalSettings']): ContainerPlan {
  const { container } = bot;
  return {
    image: container.image,
    dockerfile: container.dockerfile,
    command: container.command ?? bot.command ?? containerCommandOf(bot.script ?? ''),
    isCommandGuessed: container.command === undefined && bot.command === undefined,
    // Nothing of this machine's own: an engine may be anywhere.
    environment: { PYTHONUNBUFFERED: '1', ...bot.env },
    keep: container.keep,
    volumeDriver: container.volumeDriver,
    volumeOptions: container.volumeOptions,
    network: container.network,
    memoryBytes: bytesOf(bot.memoryLimit),
    cpus: container.cpus,
    reserve: { cpus: container.reserve.cpus, memoryBytes: bytesOf(container.reserve.memory) },
    constraints: container.constraints,
    trialMs: container.trialSeconds * 1_000,
    readyMs: bot.readySeconds * 1_000,
    restart: bot.restart,
    restartDelayMs: limits.restart_delay * 1_000,
    mostRestarts: limits.max_restart_attempts,
  };
}

/** What runs a script in an image, where none of this machine's paths are. */
function containerCommandOf(script: string): string[] {
  switch (extname(script).toLowerCase()) {
    case '.py':
      return ['python3', script];
    case '.js':
    case '.mjs':
    case '.cjs':
      return ['node', script];
    case '.ts':
    case '.mts':
      return ['node', '--import', 'tsx', script];
    default:
      return [`./${script}`];
  }
}

function planStaging(root: string, staging: Settings['staging']): BotPlan {
  const directory = join(root, 'staging');
  return {
    name: stagingName,
    directory,
    argv: staging.command,
    log: join(directory, 'logs', 'staging.log'),
    color: undefined,
    description: 'the understudy, in staging/',
    restart: staging.restart,
    autostart: staging.autostart,
    ready: staging.ready,
    readyMs: staging.readySeconds * 1_000,
    memoryLimitBytes: bytesOf(staging.memoryLimit),
    schedule: undefined,
    dependsOn: [],
    update: undefined,
    runner: 'local',
    container: undefined,
    takesInput: false,
    prepare: () => {
      requireStaging(directory, staging.command);
      mkdirSync(join(directory, 'memory'), { recursive: true });
    },
    // Its own .env and nothing of live's; whatever either says, it is the staging bot.
    environment: () => ({
      ...passedOn(),
      ...readDotEnv(join(directory, '.env')),
      ...staging.env,
      BOT_ROLE: 'staging',
    }),
  };
}

function updateOf(bot: BotSettings): UpdatePlan | undefined {
  if (bot.repo_url === undefined) return undefined;
  return {
    repoUrl: bot.repo_url,
    branch: bot.repo_branch,
    forceSync: bot.force_sync,
    preserveFiles: bot.preserve_files,
    automatic: bot.auto_update ?? true,
  };
}

/** A virtual environment beside the bot, or beside the configuration, is the Python that was meant. */
function commandOf(root: string, directory: string, script: string): string[] {
  switch (extname(script).toLowerCase()) {
    case '.py': {
      const places = [directory, root].flatMap((place) => [join(place, '.venv'), join(place, 'venv')]);
      const found = places.map((place) => join(place, 'bin', 'python')).find((path) => existsSync(path));
      return [found ?? 'python3', script];
    }
    case '.js':
    case '.mjs':
    case '.cjs':
      return ['node', script];
    case '.ts':
    case '.mts':
      return ['node', '--import', import.meta.resolve('tsx'), script];
    default:
      return [resolve(directory, script)];
  }
}

const variables =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TERM|TMPDIR|TZ|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)$/;

/** A bot gets what programs need to run, and none of the manager's own secrets, whoever starts it. */
function passedOn(): Record<string, string> {
  const environment: Record<string, string> = { HOME: homedir() };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && variables.test(name)) environment[name] = value;
  }
  // Where a service manager gives a short PATH, the Node that runs us is still found; and Python prints line by line.
  environment.PATH = [environment.PATH, dirname(process.execPath)].filter(Boolean).join(delimiter);
  environment.PYTHONUNBUFFERED = '1';
  return environment;
}

function requireFolder(name: string, directory: string, repoUrl: string | undefined): void {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  throw new Failure(
    'bot_folder_missing',
    found
      ? `The directory of '${name}' is not a folder: ${directory}`
      : `The folder of '${name}' is not there: ${directory}`,
    repoUrl === undefined
      ? `Make it (mkdir -p ${directory}) and put the bot into it, or correct 'directory' in the configuration.`
      : `Fetch it: git clone ${withoutCredentials(repoUrl)} ${directory}`,
  );
}

function requireScript(name: string, directory: string, script: string): void {
  const path = resolve(directory, script);
  const inside = relative(directory, path);
  if (/^\.\.(\/|$)/.test(inside) || isAbsolute(inside)) {
    throw new Failure(
      'bot_script_outside',
      `The script of '${name}' is not inside its folder: ${script}`,
      "Correct 'directory' and 'script' in the configuration, or use 'command'.",
    );
  }
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return;
  throw new Failure(
    'bot_script_missing',
    `The script of '${name}' is not there: ${path}`,
    "Correct 'script' in the configuration, or put the file there.",
  );
}

function requireStaging(directory: string, command: readonly string[]): void {
  const missing = (what: string, hint: string) => new Failure('staging_incomplete', what, hint);
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw missing(
      `The staging bot has no folder: ${directory}`,
      `Make it: mkdir -p ${directory}, with a copy of the bot's code and a .env of its own in it.`,
    );
  }
  if (!statSync(join(directory, '.env'), { throwIfNoEntry: false })?.isFile()) {
    const example = existsSync(join(directory, '.env.example'));
    throw missing(
      `The staging bot has no .env, and it never gets live's: ${join(directory, '.env')}`,
      example
        ? `Make it: cp ${join(directory, '.env.example')} ${join(directory, '.env')}, and fill in a token of its own.`
        : `Make it: touch ${join(directory, '.env')}; a line DISCORD_TOKEN=… gives it a token of its own.`,
    );
  }
  if (existsSync(join(directory, '.revert', 'journal.json'))) {
    throw missing(
      'A revert of staging was cut off half-way, so its code is neither the old nor the new.',
      'Finish it: understudy revert',
    );
  }
  const entry = command.find((word) => /^[\w./-]+\.(m?js|cjs|m?ts|py)$/.test(word));
  if (entry !== undefined && !existsSync(resolve(directory, entry))) {
    throw missing(
      `The staging bot has no code yet: ${resolve(directory, entry)} is not there.`,
      'Make it a copy of live: understudy revert',
    );
  }
}

function readDotEnv(path: string): Record<string, string> {
  return parseEnv(readFileSync(path, 'utf8').replace(/^\uFEFF/, '')) as Record<string, string>;
}

function bytesOf(size: string | undefined): number | undefined {
  const found = /^([\d.]+)\s?(KB|MB|GB)$/i.exec(size ?? '');
  if (!found) return undefined;
  const power = ['KB', 'MB', 'GB'].indexOf((found[2] ?? '').toUpperCase()) + 1;
  return Math.round(Number(found[1]) * 1024 ** power);
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//');
}
