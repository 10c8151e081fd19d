// What a bot writes beside its code, as far as that can be seen. A release replaces code, and must not bring back an old
// database with it: so what is found here stays with the instance (releases.exclude).

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const databases = /\.(db|db3|sqlite|sqlite3|rdb|mdb)$/i;
/** Beside a database of SQLite, now or later. */
const companions = ['-journal', '-shm', '-wal'];
const deepest = 4;
const mostFound = 50;
/** Not looked into: what is in there stays anyway, or others have written it. */
const passedOver =
  /^(\..*|node_modules|memory|logs|data|temp|backups|staging|venv|env|site-packages|__pycache__)$/;
/** They stay without being named. */
const stays =
  /^(\.git|\.env.*|\.(watchdog|deploy|heartbeat|restart-signal|upgrade-context).*|node_modules|memory|logs|data|temp|backups|staging)$/;
/** What git ignores since it is made of the code, and so has to come with it. */
const built = /^(dist|build|out|lib|target|coverage|__pycache__|.*\.(pyc|tsbuildinfo|egg-info))$/;

/** Paths below the folder that belong to the instance and not to a version. */
export function findData(folder: string, command: readonly string[]): string[] {
  const files = databasesIn(folder, '', 1);
  const found = files.flatMap((path) =>
    /\.(rdb|mdb)$/i.test(path) ? [path] : [path, ...companions.map((end) => path + end)],
  );
  const ignored = ignoredByGit(folder).filter(
    (name) => !command.some((word) => word === name || word.startsWith(`${name}/`)),
  );
  const tops = new Set(ignored);
  return [...new Set([...found.filter((path) => !tops.has(path.split('/')[0] ?? '')), ...ignored])].sort();
}

function databasesIn(folder: string, below: string, depth: number): string[] {
  const entries = readable(join(folder, below));
  const here = entries
    .filter((entry) => entry.isFile() && databases.test(entry.name))
    .map(({ name }) => below + name);
  const further = entries
    .filter((entry) => entry.isDirectory() && depth < deepest && !passedOver.test(entry.name))
    .flatMap(({ name }) => databasesIn(folder, `${below}${name}/`, depth + 1));
  return [...here, ...further].slice(0, mostFound);
}

/** The owner has said that these are nobody else's: at the top only, where such things lie. */
function ignoredByGit(folder: string): string[] {
  const words = [
    '-C',
    folder,
    'ls-files',
    '--others',
    '--ignored',
    '--exclude-standard',
    '--directory',
    '-z',
  ];
  const { status, stdout } = spawnSync('git', words, {
    encoding: 'utf8',
    timeout: 10_000,
    maxBuffer: 1024 * 1024,
  });
  if (status !== 0) return [];
  return stdout
    .split('\0')
    .map((path) => path.replace(/\/$/, ''))
    .filter((path) => path !== '' && !path.includes('/') && !stays.test(path) && !built.test(path))
    .slice(0, mostFound);
}

function readable(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Closed to this user: whatever is in there, the bot cannot use it either.
    return [];
  }
}
