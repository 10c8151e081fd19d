// What an instance needs beside its bot, as texts. Pure but for what is copied.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseEnv } from 'node:util';
import { findData } from './data.ts';
import { findPython, isCommonJs, readManifest } from './entry.ts';
import { joinWords } from './words.ts';

/** A bot that knows nothing of heartbeats is taken to work once it has run for so long. */
const uptimeSeconds = 10;

/** How the bot is started and known to work. */
export interface Chosen {
  readonly command: readonly string[];
  readonly readyPattern?: string | undefined;
}

/** Every file that an instance needs, in the order of writing: config.json, which makes it one, is the last. */
export function filesOf(
  folder: string,
  codeRoot: string,
  chosen: Chosen,
): { path: string; content: string }[] {
  const name = nameOf(folder);
  const watchdog = readFileSync(join(codeRoot, 'watchdog.js'), 'utf8');
  // Where .js is CommonJS, the watchdog needs another name, and stays reachable under its own.
  const isCommon = isCommonJs(folder);
  return [
    { path: 'staging/SOUL.md', content: soul(name) },
    { path: 'staging/IDENTITY.md', content: identity(name) },
    { path: 'staging/.env.example', content: environmentExample(folder) },
    ...(isCommon ? [{ path: 'watchdog.mjs', content: watchdog }] : []),
    { path: 'watchdog.js', content: isCommon ? stub : watchdog },
    { path: 'config.json', content: `${JSON.stringify(configOf(folder, chosen, isCommon), null, 2)}\n` },
  ];
}

/** Lines for a .gitignore: what the instance keeps for itself, and the markers between bot and watchdog. */
export const ignored: readonly string[] = [
  '/.env',
  '/memory/',
  '/logs/',
  '/backups/',
  '/staging/',
  '/.restart-signal*',
  '/.heartbeat*',
  '/.deploy-*',
  '/.upgrade-context*',
  '/.watchdog.*',
];

const stub = `// Starts watchdog.mjs: package.json says that files ending in .js are CommonJS, and the watchdog is a module.
import('./watchdog.mjs');
`;

function configOf(folder: string, { command, readyPattern }: Chosen, isCommon: boolean): object {
  const isOwn = command.includes('src/index.ts') && readManifest(folder)?.name === 'understudy';
  const { environment } = findPython(folder);
  const [program = '', ...words] = command;
  const kept = environment !== undefined && program.startsWith(`${environment}/`) ? [environment] : [];
  const own = [...kept, ...(isCommon ? ['watchdog.mjs'] : [])];
  const exclude = [...new Set([...own, ...findData(folder, command)])];
  const gates = gatesOf(folder, command);
  return {
    live: {
      command,
      ready: isOwn
        ? { heartbeat: true }
        : readyPattern === undefined
          ? { uptimeSeconds }
          : { pattern: readyPattern },
    },
    // The Python of the bot stays where it is, so staging/ reaches it one folder up.
    staging: { command: kept.length > 0 ? [`../${program}`, ...words] : command },
    releases: {
      ...(gates === undefined || isOwn ? {} : { gates }),
      ...(exclude.length > 0 ? { exclude } : {}),
    },
  };
}

/** What a new version has to survive before it is staged: without running it, that is being a program at all. */
function gatesOf(folder: string, command: readonly string[]): string[] | undefined {
  const scripts = readManifest(folder)?.scripts as Record<string, unknown> | undefined;
  if (scripts?.gate !== undefined || scripts?.['gate:all'] !== undefined) return undefined;
  const file = command.find((word) => /\.([mc]?js|py)$/.test(word) && !word.startsWith('-'));
  if (file === undefined) return [];
  if (!file.endsWith('.py')) return [joinWords(['node', '--check', file])];
  const check = 'import ast, sys; ast.parse(open(sys.argv[1], "rb").read())';
  return [joinWords(['python3', '-c', check, file])];
}

function nameOf(folder: string): string {
  const { name } = readManifest(folder) ?? {};
  return typeof name === 'string' && name !== '' ? name : basename(folder);
}

function soul(name: string): string {
  return `# Soul

You are the understudy of **${name}**. You try new code first, so that it may fail where nobody depends on it.

- You say clearly that you are a test bot when somebody talks to you.
- You report what works and what does not, plainly, with the lines of the log that show it.
- You manage no processes: that is the live bot's work.
`;
}

function identity(name: string): string {
  return `# Identity

- **Name:** ${name} (staging)
- **Role:** the staging bot (\`BOT_ROLE=staging\`)
- **Home:** \`staging/\`
- **Understudy of:** ${name}
`;
}

/** The names that the bot's own files have, and none of the values. */
function environmentExample(folder: string): string {
  const names = ['.env.example', '.env'].flatMap((file) => {
    try {
      const text = readFileSync(join(folder, file), 'utf8').replace(/^\uFEFF/, '');
      // The last line of a key of several lines looks like a name, too, and is a secret.
      const known = parseEnv(text);
      return [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/gm)].filter(
        ([, name = '']) => known[name] !== undefined,
      );
    } catch {
      return [];
    }
  });
  const own = [...new Set(names.map(([, name = '']) => name))].filter((name) => name !== 'BOT_ROLE');
  return `# Copy this file to staging/.env and fill it in. The staging bot needs tokens of its own:
# two bots with one token disconnect each other. Nothing of the live bot's .env ever gets here.
${own.map((name) => `${name}=\n`).join('')}BOT_ROLE=staging
`;
}
