// What of a bot's folder goes into its image: all of it but secrets, history and what is installed there anew. The same
// content always has the same name, so nothing is built twice.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../../../tool.ts';
import { holdsPassword, type RecipeOptions, recipeFor } from './recipe.ts';

/** Neither an image nor the registry it is pushed to is a place for secrets; whoever has the image has them. */
const neverSent = ['**/.env', '**/.env.*', '**/.git'];
/** What a recipe of ours installs by itself, and what only clutters. */
const notForOurs = ['**/node_modules', '**/.venv', '**/venv', '**/__pycache__', '**/.DS_Store'];
const ownRecipeName = '.understudy.Dockerfile';
const mostBytes = 2 * 1024 ** 3;
const mostFiles = 200_000;

/** What an image is built from. */
export interface BuildContext {
  /** Names this very content. */
  readonly hash: string;
  /** The name of the recipe in it. */
  readonly dockerfile: string;
  pack(): NodeJS.ReadableStream;
}

/** Reads a bot's folder; fails where there is no recipe, or far too much. */
export async function readContext(
  options: RecipeOptions & { readonly dockerfile: string | undefined },
): Promise<BuildContext> {
  const { directory, bot } = options;
  const given = posix.normalize(options.dockerfile ?? 'Dockerfile');
  const hasOwn = existsSync(join(directory, given));
  if (!hasOwn && options.dockerfile !== undefined) {
    throw new Failure(
      'no_image_recipe',
      `The Dockerfile of '${bot}' is not there: ${join(directory, given)}`,
      "Correct 'dockerfile' in the configuration of the bot, or put the file there.",
    );
  }
  // Loaded here: where all code is one bundle, every command would load them.
  const [{ default: tar }, { default: ignores }] = await Promise.all([
    import('tar-fs'),
    import('@balena/dockerignore'),
  ]);
  const ours = hasOwn ? undefined : recipeFor(options);
  const rules = readIgnoreFile(directory);
  const isWanted = ignores
    .default()
    .add(ours === undefined ? [] : notForOurs)
    .add(rules)
    // Last: no exception of somebody's brings them back.
    .add(holdsPassword(directory) ? [...neverSent, '**/.npmrc'] : neverSent)
    .createFilter();
  // An exception may bring back a file of a folder that is left out.
  const hasExceptions = rules.some((rule) => rule.startsWith('!'));
  const files = list(options, {
    isWanted: (path) => path === given || isWanted(path),
    mayHoldSome: (folder) => hasExceptions || given.startsWith(`${folder}/`) || isWanted(folder),
  });
  const hash = createHash('sha256').update(ours ?? `own ${given}`);
  for (const path of files) await addTo(hash, directory, path);
  return {
    hash: hash.digest('hex').slice(0, 12),
    dockerfile: ours === undefined ? given : ownRecipeName,
    pack: () =>
      tar.pack(directory, {
        entries: files,
        map: (header) => ({ ...header, uid: 0, gid: 0, mtime: new Date(0) }),
        ...(ours === undefined
          ? {}
          : {
              finalize: false,
              finish: (pack) => {
                pack.entry({ name: ownRecipeName, mtime: new Date(0) }, ours);
                pack.finalize();
              },
            }),
      }),
  };
}

function readIgnoreFile(directory: string): string[] {
  const path = join(directory, '.dockerignore');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** Files and links, sorted; folders that hold nothing are left out. */
function list(
  { bot, directory }: RecipeOptions,
  { isWanted, mayHoldSome }: Record<'isWanted' | 'mayHoldSome', (path: string) => boolean>,
): string[] {
  const found: string[] = [];
  let bytes = 0;
  const walk = (folder: string) => {
    const entries = readdirSync(join(directory, folder), { withFileTypes: true });
    for (const entry of entries.sort((first, second) => (first.name < second.name ? -1 : 1))) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && mayHoldSome(path)) walk(path);
      else if (!isWanted(path)) continue;
      else if (entry.isFile() || entry.isSymbolicLink()) {
        bytes += lstatSync(join(directory, path)).size;
        found.push(path);
      }
      if (found.length > mostFiles || bytes > mostBytes) throw tooLarge(bot, directory);
    }
  };
  walk('');
  return found;
}

async function addTo(hash: ReturnType<typeof createHash>, directory: string, path: string): Promise<void> {
  const full = join(directory, path);
  const { mode, size } = lstatSync(full);
  const isLink = (mode & 0o170000) === 0o120000;
  hash.update(`\n${path}\0${isLink ? 'link' : mode & 0o777}\0${size}\0`);
  if (isLink) hash.update(readlinkSync(full));
  else
    await pipeline(createReadStream(full), async (chunks) => {
      for await (const chunk of chunks) hash.update(chunk as Buffer);
    });
}

function tooLarge(bot: string, directory: string): Failure {
  return new Failure(
    'context_too_large',
    `The folder of '${bot}' has more than an image should hold (${mostFiles} files, ${mostBytes / 1024 ** 3} GiB).`,
    `Name what is not needed in ${join(directory, '.dockerignore')}.`,
  );
}
