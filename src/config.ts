// config.json, bot_config.yaml and .env become one typed object. Everything that is wrong is said at once, with
// file, key, value and what is allowed; no file is ever changed here.

import { type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { problemsAcross } from '../skills/process-manager/index.ts';
import { Failure } from '../skills/tool.ts';
import { type Environment, loadEnvironment, secretsOfBots } from './config/environment.ts';
import { explainIssues } from './config/explain.ts';
import { type RawFile, readBotConfigYaml, readConfigJson } from './config/files.ts';
import { configJsonSchema, configSchema, type ParsedConfig } from './config/schema.ts';
import { canonicalSpelling } from './config/spelling.ts';

export { didYouMean } from './config/explain.ts';

/** Everything that the owner of an instance decides. */
export type Config = Omit<ParsedConfig, '$schema'> & { readonly environment: Environment };

/** The files that make a folder an instance; either is enough. */
export const instanceFiles = ['config.json', 'bot_config.yaml'] as const;

/** No key of any schema is nearly as deep; YAML can make objects that contain themselves. */
const deepestKey = 12;

/** The instance that is meant: the folder that was named, or the nearest one at or above the current folder. */
export function findRoot(named: string | undefined, currentFolder: string): string {
  if (named !== undefined) {
    const root = resolve(currentFolder, named);
    if (isInstance(root)) return root;
    const missing = look(root)?.isDirectory() !== true;
    throw new Failure(
      'unknown_root',
      missing ? `There is no folder ${root}.` : `${root} is not an instance: it holds no config.json.`,
      missing
        ? 'Name the folder that holds config.json: understudy --root DIR …'
        : `Make it one: understudy init ${root}, or with an empty configuration: echo '{}' > ${join(root, 'config.json')}`,
    );
  }
  for (let folder = resolve(currentFolder); ; folder = dirname(folder)) {
    if (isInstance(folder)) return folder;
    if (dirname(folder) === folder) break;
  }
  throw new Failure(
    'unknown_root',
    `Neither ${currentFolder} nor a folder above it is an instance: none holds config.json.`,
    'Go to the folder of your bot, or name it: understudy --root DIR … (or set UNDERSTUDY_ROOT). A bot that is none yet: understudy init DIR',
  );
}

/** Reads and validates the configuration of an instance. */
export function loadConfig(root: string, own: NodeJS.ProcessEnv): Config {
  const config = parseConfig(root);
  const environment = loadEnvironment(root, own);
  const secrets = [...new Set([...environment.secrets, ...secretsOfBots(root, config.bots)])];
  return withOwnPort({ ...config, environment: { ...environment, secrets } });
}

/** A staging bot has live's config.json, and must not ask for the port that live's page has. */
function withOwnPort(config: Config): Config {
  if (config.environment.role !== 'staging') return config;
  return { ...config, dashboard: { ...config.dashboard, port: config.environment.port ?? 0 } };
}

/** The configuration of an instance that has none, or whose own cannot be read. */
export function defaultConfig(root: string, own: NodeJS.ProcessEnv): Config {
  return { ...configSchema.parse({}), environment: loadEnvironment(root, own) };
}

/** What bot_config.yaml may hold, under the names that the rest of the code uses. */
const yamlSchema = configSchema.pick({ bots: true, globalSettings: true });

function parseConfig(root: string): Omit<ParsedConfig, '$schema'> {
  const problems: string[] = [];
  const json = read('config.json', readConfigJson(root), problems);
  const yaml = read('bot_config.yaml', readBotConfigYaml(root), problems);

  check('config.json', json, configSchema, (path) => path, problems);
  check(
    'bot_config.yaml',
    yaml,
    yamlSchema,
    (path) => path.replace(/^globalSettings/, 'global_settings'),
    problems,
  );
  const merged = {
    ...json,
    bots: merge('bots', json, yaml, problems),
    globalSettings: merge('globalSettings', json, yaml, problems),
  };
  const parsed = problems.length === 0 ? configSchema.parse(merged) : undefined;
  if (parsed) problems.push(...problemsAcross(parsed).map((problem) => `${botsFile(yaml)}: ${problem}`));
  if (!parsed || problems.length > 0) {
    throw new Failure(
      'config_invalid',
      problems.join('\n'),
      'Mend the file and try again; nothing was changed. Every key: docs/configuration.md',
    );
  }
  const { $schema, ...config } = parsed;
  return config;
}

function botsFile(yaml: RawFile): string {
  return yaml?.bots === undefined ? 'config.json' : 'bot_config.yaml';
}

/** `__proto__` is said here, because assignments and zod's records would pass over it in silence. */
function read(file: string, raw: RawFile, problems: string[]): Record<string, unknown> {
  const refused = prototypeKeys(raw).map((path) => `${file}: ${path}: this name cannot be used.`);
  problems.push(...refused);
  return refused.length > 0 ? {} : canonicalSpelling(file, raw ?? {}, problems);
}

function prototypeKeys(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null || path.length > deepestKey) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '__proto__' ? [[...path, key].join('.')] : prototypeKeys(inner, [...path, key]),
  );
}

function check(
  file: string,
  raw: Record<string, unknown>,
  schema: z.ZodType,
  spelling: (path: string) => string,
  problems: string[],
): void {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return;
  const described = schema === configSchema ? configJsonSchema() : z.toJSONSchema(schema, { io: 'input' });
  problems.push(
    ...explainIssues(file, raw, parsed.error, described as ReturnType<typeof configJsonSchema>, spelling),
  );
}

function merge(key: 'bots' | 'globalSettings', json: RawFile, yaml: RawFile, problems: string[]) {
  const first = (json?.[key] ?? {}) as Record<string, unknown>;
  const second = (yaml?.[key] ?? {}) as Record<string, unknown>;
  for (const name of Object.keys(second)) {
    if (!Object.hasOwn(first, name)) continue;
    const what = key === 'bots' ? `the bot "${name}"` : `"${name}" of the global settings`;
    problems.push(`config.json and bot_config.yaml both define ${what}: keep one of the two.`);
  }
  return { ...first, ...second };
}

function isInstance(folder: string): boolean {
  return instanceFiles.some((name) => look(join(folder, name))?.isFile());
}

/** A name that cannot exist, a file in place of a folder, a folder that is closed to this user: nothing is seen. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
