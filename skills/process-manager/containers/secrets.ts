// What a bot keeps secret, and how it gets there without standing in what anybody with access to the engine can read. In a
// swarm they are Docker secrets: files that exist in memory, on the node of the bot, while it runs. Programs that expect
// variables still find them, where the image has a shell that can read a file before it becomes the program.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { Failure } from '../../tool.ts';
import { createMask } from '../output/index.ts';
import { asFailure, type Client, isConflict } from './client.ts';
import { hashOf, type Instance, labels } from './names.ts';

/** As the engine has it. */
const mostBytes = 500 * 1024;
/** Of the name of a variable in that of its secret, which may have 64 letters. */
const mostOfName = 20;
const folder = '/run/secrets';
const looksSecret = /TOKEN|SECRET|PASS|PWD|CREDENTIAL|PRIVATE|API_?KEY|_KEY$|^KEY$|DSN|WEBHOOK/i;

const mask = createMask([]);

/** The settings of a bot, parted. */
export interface Parted {
  readonly plain: Readonly<Record<string, string>>;
  /** Variables whose names say that their values are secret. */
  readonly secret: Readonly<Record<string, string>>;
  /** The .env of its folder, which never goes into an image. */
  readonly dotEnv: Buffer | undefined;
}

/** Parts the variables of a bot. */
export function partSecrets(environment: Readonly<Record<string, string>>, directory: string): Parted {
  // Some say it by their value: a token, or an address with a password in it.
  const isSecret = ([name, value]: [string, string]) =>
    value !== '' && (looksSecret.test(name) || mask(value) !== value);
  const all = Object.entries(environment);
  const plain = Object.fromEntries(all.filter((entry) => !isSecret(entry)));
  const secret = Object.fromEntries(all.filter(isSecret));
  const path = join(directory, '.env');
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return { plain, secret, dotEnv: isFile ? readFileSync(path) : undefined };
}

/** A secret as a service refers to it. */
export interface SecretReference {
  readonly SecretID: string;
  readonly SecretName: string;
  readonly File: { readonly Name: string; readonly UID: string; readonly GID: string; readonly Mode: number };
}

/** Sees to it that the swarm has the secrets of a bot, and says how a service refers to them. */
export async function provideSecrets(
  client: Client,
  instance: Instance,
  bot: string,
  { secret, dotEnv }: Parted,
  workFolder: string,
): Promise<SecretReference[]> {
  const wanted = [
    ...Object.entries(secret).map(([name, value]) => ({ name, target: name, data: Buffer.from(value) })),
    ...(dotEnv && dotEnv.length > 0
      ? [{ name: 'env', target: posix.join(workFolder, '.env'), data: dotEnv }]
      : []),
  ];
  const references: SecretReference[] = [];
  for (const { name, target, data } of wanted) {
    if (data.length > mostBytes) throw tooLong(bot, name);
    const plainName = name.slice(0, mostOfName).replace(/[^A-Za-z0-9_]/g, '_');
    const called = `us-${instance.id}-${plainName}-${nameOf(instance, bot, name, data)}`;
    const id = await ensureSecret(client, instance, bot, called, data);
    references.push({
      SecretID: id,
      SecretName: called,
      // Readable for whoever the program runs as: nobody else is in its container.
      File: { Name: target, UID: '0', GID: '0', Mode: 0o444 },
    });
  }
  return references;
}

/** Tells one content from another, and tells nobody what it is. */
function nameOf({ salt }: Instance, bot: string, name: string, data: Buffer): string {
  return hashOf(salt, bot, name, createHash('sha256').update(salt).update(data).digest());
}

async function ensureSecret(
  client: Client,
  instance: Instance,
  bot: string,
  called: string,
  data: Buffer,
): Promise<string> {
  const find = async () => {
    const found = await client.docker.listSecrets({ filters: JSON.stringify({ name: [called] }) });
    return found.find(({ Spec }) => Spec?.Name === called)?.ID;
  };
  try {
    const known = await find();
    if (known !== undefined) return known;
    const made = await client.acting.createSecret({
      Name: called,
      Labels: { [labels.instance]: instance.id, [labels.bot]: bot },
      Data: data.toString('base64'),
    });
    return made.id;
  } catch (error) {
    // Somebody made it at the same moment.
    const id = isConflict(error) ? await find() : undefined;
    if (id !== undefined) return id;
    throw asFailure(error, client, `The secrets of '${bot}' cannot be given to the swarm`);
  }
}

/** Removes the secrets of a bot that nothing refers to any more. */
export async function forgetSecrets(
  client: Client,
  instance: Instance,
  bot: string,
  kept: readonly SecretReference[],
): Promise<void> {
  const filters = JSON.stringify({ label: [`${labels.instance}=${instance.id}`] });
  const keptIds = new Set(kept.map(({ SecretID }) => SecretID));
  for (const { ID, Spec } of await client.docker.listSecrets({ filters })) {
    if (Spec?.Labels?.[labels.bot] !== bot || keptIds.has(ID)) continue;
    // One that the version before still uses cannot be removed: the next change tries again.
    await client.docker
      .getSecret(ID)
      .remove()
      .catch(() => {});
  }
}

/** Where a program that knows of it can read each secret. */
export function fileVariables(secret: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(secret).map((name) => [`${name}_FILE`, `${folder}/${name}`]));
}

/** An argv that turns the files of secrets into variables and then becomes the program. */
export function withSecretVariables(names: readonly string[], argv: readonly string[]): string[] {
  if (names.length === 0) return [...argv];
  // A shell takes the newlines off the end of what it substitutes, and a key may need its own: so a dot stands behind them.
  const script =
    'for US_NAME in $US_NAMES; do US_VALUE="$(cat "/run/secrets/$US_NAME" && echo .)" || exit; ' +
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's.
    'export "$US_NAME=${US_VALUE%.}"; done; unset US_NAMES US_NAME US_VALUE; exec "$@"';
  return ['/bin/sh', '-c', script, 'understudy', ...argv];
}

/** The variable that names them for that script. */
export function secretNames(names: readonly string[]): Record<string, string> {
  return names.length === 0 ? {} : { US_NAMES: names.join(' ') };
}

function tooLong(bot: string, name: string): Failure {
  return new Failure(
    'secret_too_long',
    `${name === 'env' ? 'The .env' : `The variable ${name}`} of '${bot}' has more than 500 KB, which is the most that a swarm keeps secret.`,
    'Move what is not secret into a file of the bot.',
  );
}
