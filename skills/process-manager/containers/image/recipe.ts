// The recipe for the image of a bot that has none of its own: small, for Node and for Python, and without root.

import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Failure } from '../../../tool.ts';

/** What a recipe is written from. */
export interface RecipeOptions {
  readonly bot: string;
  readonly directory: string;
  readonly argv: readonly string[];
  readonly keep: readonly string[];
}

const nodePrograms = ['node', 'npm', 'npx', 'tsx'];
const pythonPrograms = ['python', 'python3', 'pip', 'pip3'];
const user = '1000:1000';

/** The text of a Dockerfile for the bot in a folder. Fails where nobody could know what it needs. */
export function recipeFor(options: RecipeOptions): string {
  const [program = ''] = options.argv;
  if (nodePrograms.includes(program)) return nodeRecipe(options);
  if (pythonPrograms.includes(program)) return pythonRecipe(options);
  throw new Failure(
    'no_image_recipe',
    `'${options.bot}' has no Dockerfile, and only bots that are run by node or python get one by themselves, not '${program}'.`,
    `Write ${join(options.directory, 'Dockerfile')}, or name an image: "container": {"image": "…"}`,
  );
}

function nodeRecipe({ directory, argv, keep }: RecipeOptions): string {
  const major = process.versions.node.split('.')[0];
  const isLocked = existsSync(join(directory, 'package-lock.json'));
  const needsTsx = argv.includes('tsx') || argv.some((word) => ['.ts', '.mts'].includes(extname(word)));
  const install = [
    ...(hasDependencies(directory)
      ? [isLocked ? 'npm ci --omit=dev --no-audit --no-fund' : 'npm install --omit=dev --no-audit --no-fund']
      : []),
    ...(needsTsx ? ['npm install --no-save --no-audit --no-fund tsx@4'] : []),
  ];
  return recipe(`node:${major}-slim`, 'NODE_ENV=production', keep, argv, {
    manifests: ['package.json', 'package-lock.json', '.npmrc'].filter(
      (name) => existsSync(join(directory, name)) && !(name === '.npmrc' && holdsPassword(directory)),
    ),
    install,
  });
}

function pythonRecipe({ directory, argv, keep }: RecipeOptions): string {
  const has = (name: string) => existsSync(join(directory, name));
  return recipe('python:3-slim', 'PYTHONUNBUFFERED=1', keep, argv, {
    manifests: ['requirements.txt'].filter(has),
    install: has('requirements.txt') ? ['pip install --no-cache-dir --user -r requirements.txt'] : [],
  });
}

function recipe(
  base: string,
  variable: string,
  keep: readonly string[],
  argv: readonly string[],
  { manifests, install }: { manifests: readonly string[]; install: readonly string[] },
): string {
  // What is kept is a folder of the image, whose owner a new volume takes over.
  const folders = ['.', ...keep].map((path) => JSON.stringify(path));
  const lines = [
    `FROM ${base}`,
    'WORKDIR /app',
    `RUN mkdir -p ${folders.join(' ')} && chown ${user} ${folders.join(' ')}`,
    `USER ${user}`,
    `ENV HOME=/app ${variable}`,
    // First what is installed: as long as that is the same, the engine uses what it built before.
    ...(install.length > 0 && manifests.length > 0
      ? [`COPY --chown=${user} ${JSON.stringify([...manifests, './'])}`]
      : []),
    ...install.map((command) => `RUN ${command}`),
    `COPY --chown=${user} . .`,
    `CMD ${JSON.stringify(argv)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** True where the .npmrc of a folder lets whoever has it into a registry: then it has no place in an image. */
export function holdsPassword(directory: string): boolean {
  try {
    return /_auth|_password/i.test(readFileSync(join(directory, '.npmrc'), 'utf8'));
  } catch {
    return false;
  }
}

function hasDependencies(directory: string): boolean {
  try {
    const { dependencies = {} } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return Object.keys(dependencies).length > 0;
  } catch {
    // None, or one that npm would refuse too, with better words.
    return existsSync(join(directory, 'package.json'));
  }
}
