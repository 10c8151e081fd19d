// Reads .env and the process's own environment into one typed object. The process's variables win, but for
// BOT_ROLE: when either place says staging the bot is staging, so that nobody becomes live by accident.
// No value of this file ever appears in a message.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { Failure } from '../../skills/tool.ts';

const snowflake = z.string().regex(/^\d{15,22}$/, 'a Discord id: 15 to 22 digits');
const address = z.url({ protocol: /^https?$/, error: 'an address that starts with http:// or https://' });

const environmentSchema = z.object({
  DISCORD_TOKEN: z.string().optional(),
  DISCORD_OWNER_ID: z
    .string()
    .transform((list) => list.split(',').flatMap((id) => (id.trim() === '' ? [] : [id.trim()])))
    .pipe(z.array(snowflake))
    .optional(),
  WAKE_CHANNEL_ID: snowflake.optional(),
  BOT_ROLE: z.enum(['live', 'staging'], { error: '"live" or "staging"' }).optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  DISCORD_API: address.optional(),
  ANTHROPIC_BASE_URL: address.optional(),
  OPENAI_BASE_URL: address.optional(),
  // Other people's PORT may be anything, and only a staging bot uses it.
  PORT: z.coerce.number().int().min(0).max(65_535).optional().catch(undefined),
});

type Names = keyof z.infer<typeof environmentSchema>;

/** What .env and the process's environment say. */
export interface Environment {
  readonly role: 'live' | 'staging';
  readonly discord: { readonly token?: string; readonly ownerIds: readonly string[]; readonly api?: string };
  readonly wakeChannelId?: string;
  readonly anthropic: { readonly apiKey?: string; readonly baseUrl?: string };
  /** Every value of .env that could be a secret, for masking. */
  readonly secrets: readonly string[];
  /** Where a staging bot offers its page; another one is picked otherwise. */
  readonly port?: number;
  readonly openai: { readonly apiKey?: string; readonly baseUrl?: string };
}

/** Reads the environment of an instance. */
export function loadEnvironment(root: string, own: NodeJS.ProcessEnv): Environment {
  const file = readDotEnv(root);
  const merged: Partial<Record<Names, string>> = {};
  for (const name of Object.keys(environmentSchema.shape) as Names[]) {
    const value = (own[name]?.trim() || file[name]?.trim()) ?? '';
    if (value !== '') merged[name] = value;
  }
  const roles = [own.BOT_ROLE, file.BOT_ROLE].flatMap((role) => role?.trim() || []);
  // Not merely "the first that is set": a mistyped `Staging` in .env must not be outvoted into live.
  const role = roles.find((name) => name === 'staging') ?? roles.find((name) => name !== 'live');
  if (role !== undefined) merged.BOT_ROLE = role;
  const parsed = environmentSchema.safeParse(merged);
  if (!parsed.success) throw invalid(parsed.error);
  const values = parsed.data;
  return {
    role: values.BOT_ROLE ?? 'live',
    discord: {
      ...optional('token', values.DISCORD_TOKEN),
      ownerIds: values.DISCORD_OWNER_ID ?? [],
      ...optional('api', values.DISCORD_API),
    },
    secrets: secretsOf(file, values),
    ...optional('wakeChannelId', values.WAKE_CHANNEL_ID),
    ...(values.PORT === undefined ? {} : { port: values.PORT }),
    anthropic: {
      ...optional('apiKey', values.ANTHROPIC_API_KEY),
      ...optional('baseUrl', values.ANTHROPIC_BASE_URL),
    },
    openai: { ...optional('apiKey', values.OPENAI_API_KEY), ...optional('baseUrl', values.OPENAI_BASE_URL) },
  };
}

/** All values of .env but those that are known to be harmless; unknown names may well be keys of other services. */
function secretsOf(
  file: Record<string, string | undefined>,
  values: z.infer<typeof environmentSchema>,
): string[] {
  const own = [values.DISCORD_TOKEN, values.ANTHROPIC_API_KEY, values.OPENAI_API_KEY];
  const others = Object.entries(file).map(([name, value]) => (harmless.test(name) ? undefined : value));
  return [...new Set([...own, ...others])].filter((value) => value !== undefined && value !== '') as string[];
}

/**
 * What staging and the other bots keep secret, since their logs are shown too: values whose names say so. (Their other
 * values may be any word, and would make a log unreadable.) Files that cannot be read say nothing.
 */
export function secretsOfBots(
  root: string,
  bots: Readonly<
    Record<string, { readonly directory: string; readonly env: Readonly<Record<string, string>> }>
  >,
): string[] {
  const others = Object.values(bots).map(({ directory, env }) => ({
    ...readLeniently(resolve(root, directory)),
    ...env,
  }));
  return [readLeniently(join(root, 'staging')), ...others]
    .flatMap((values) => Object.entries(values))
    .flatMap(([name, value]) =>
      secret.test(name) && value && value.length >= shortestSecret ? [value] : [],
    );
}

/** Shorter ones are words, such as those that stand in place of a token while a bot is tried. */
const shortestSecret = 8;
const harmless =
  /^(DISCORD_OWNER_ID|WAKE_CHANNEL_ID|BOT_ROLE|PORT|[A-Z_]*_BASE_URL|DISCORD_API|NODE_ENV|TZ|LANG)$/;
const secret = /TOKEN|SECRET|PASS|PWD|CREDENTIAL|PRIVATE|API_?KEY|_KEY$|^KEY$|DSN|WEBHOOK/i;

function readLeniently(folder: string): Record<string, string | undefined> {
  try {
    return readDotEnv(folder);
  } catch {
    return {};
  }
}

function readDotEnv(root: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(join(root, '.env'), 'utf8').replace(/^\uFEFF/, '')) as Record<
      string,
      string
    >;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Failure(
      'environment_unreadable',
      `.env cannot be read: ${(error as Error).message}`,
      'It must be a text file that this user may read.',
      { cause: error },
    );
  }
}

function invalid(error: z.ZodError): Failure {
  const lines = error.issues.map(
    (issue) => `.env: ${String(issue.path[0])}: the value is not allowed. Allowed: ${issue.message}.`,
  );
  return new Failure(
    'environment_invalid',
    [...new Set(lines)].join('\n'),
    'Mend it in .env (or in the environment of this process); .env.example explains each line.',
  );
}

function optional<Key extends string>(key: Key, value: string | undefined): Partial<Record<Key, string>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, string>);
}
