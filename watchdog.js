// Boots, watches and restarts the live bot of the folder that it lies in. One file, node: modules only, so that it
// runs when node_modules, src/ and skills/ are broken or gone. Syntax stays at what Node 14 can parse: an older
// Node must get as far as the sentence that says it is too old.
//
//   state       event                              next        what is done
//   ---------   --------------------------------   ---------   ------------------------------------------------
//   starting    lock taken, packages installed     running     start live, or adopt the one that still runs
//   running     live exits with 0                  stopped     a wish to stop: exit 0
//   running     live exits with 78, never was up   stopped     its configuration is refused: exit 1
//   running     live ends in any other way         waiting     wait 1 s, doubling to 60 s
//   waiting     the wait is over                   running     start live
//   any         SIGTERM, SIGINT                    stopped     SIGTERM to live, 10 s, SIGKILL; exit 0

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(fileURLToPath(import.meta.url));
const lockPath = path.join(root, '.watchdog.lock');
const statePath = path.join(root, '.watchdog.json');
const logPath = path.join(root, 'logs', 'live.log');

const stopGraceMs = 10000;
const firstRestartMs = 1000;
const longestRestartMs = 60000;
const stableMs = 60000;
const followMs = 200;
/** sysexits.h: the configuration is wrong. Starting again would not help. */
const configurationExit = 78;

/** @typedef {{pid: number, start: string}} Identity a PID, and what tells its owner from a later one */
/** @typedef {{identity: Identity | undefined, exited: Promise<number | null>}} Live */

/** Something that a person has to mend; shown as it is, without a stack. */
class Refusal extends Error {}

main().catch((error) => {
  say(error instanceof Refusal ? error.message : `failed: ${error?.stack}`);
  process.exitCode = 1;
});

async function main() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Refusal(
      `Understudy needs Node 20.19 or newer, and this is Node ${process.versions.node}.\n-> Install a newer Node (https://nodejs.org), or put it first in PATH.`,
    );
  }
  if (process.argv.includes('--help')) {
    console.log(
      'node watchdog.js            start the bot and watch over it (npm start)\nnode watchdog.js --install  only install what package-lock.json names',
    );
    return;
  }
  if (process.argv.includes('--install')) {
    await installPackages();
    return;
  }
  takeLock(lockPath);
  try {
    await installPackages();
    await watch();
  } finally {
    fs.rmSync(lockPath, { force: true });
  }
}

/** Keeps live running until it wants to stop or is told to. */
async function watch() {
  const command = readCommand();
  const follower = followLog();
  let wasUp = false;
  let waitMs = firstRestartMs;
  /** @type {Live | undefined} */
  let live;
  /** @type {() => void} */
  let wake = () => {};
  let stopping = false;
  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      say(`${signal}: stopping the bot`);
      if (live?.identity) stop(live.identity, live.exited);
      wake();
    });
  }

  while (!stopping) {
    const startedAt = Date.now();
    live = adopt() || start(command);
    const code = await live.exited;
    follower.flush();
    const upMs = Date.now() - startedAt;
    wasUp = wasUp || upMs > stableMs;
    if (stopping) break;
    if (code === 0) {
      say('the bot ended by itself with exit code 0, so this ends too');
      break;
    }
    if (code === configurationExit && !wasUp) {
      say('the bot refuses its configuration (see above). Mend it, then start again: npm start');
      process.exitCode = 1;
      break;
    }
    if (upMs > stableMs) waitMs = firstRestartMs;
    say(
      `the bot ended (${code === null ? 'killed' : `exit code ${code}`}); it is started again in ${waitMs / 1000} s`,
    );
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
    waitMs = Math.min(waitMs * 2, longestRestartMs);
  }
  follower.close();
  fs.rmSync(statePath, { force: true });
}

/**
 * Starts live with its output going straight to its log, so that it never depends on this process.
 * @param {string[]} command
 * @returns {Live}
 */
function start(command) {
  fs.mkdirSync(path.dirname(logPath), { recursive: true });
  const log = fs.openSync(logPath, 'a');
  try {
    const [program = 'node', ...words] = command;
    const child = spawn(program === 'node' ? process.execPath : program, words, {
      cwd: root,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, UNDERSTUDY_ROOT: root },
    });
    const identity = identify(child.pid);
    /** @type {Promise<number | null>} */
    const exited = new Promise((resolve) => {
      child.once('error', (error) => {
        say(`the bot could not be started: ${error.message}`);
        resolve(1);
      });
      child.once('exit', (code) => resolve(code));
    });
    if (identity)
      replaceFile(statePath, JSON.stringify({ live: identity, startedAt: new Date().toISOString() }));
    return { identity, exited };
  } finally {
    fs.closeSync(log);
  }
}

/** The live bot that a watchdog before this one left running, if it did: it must never run twice. */
function adopt() {
  const { live } = readJson(statePath) || {};
  if (!live || !isAlive(live)) return undefined;
  say(`the bot already runs with PID ${live.pid}; watching it`);
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(live)) return;
      clearInterval(timer);
      resolve(null);
    }, followMs);
  });
  return { identity: live, exited };
}

/**
 * @param {Identity} identity
 * @param {Promise<unknown>} exited
 */
function stop(identity, exited) {
  if (isAlive(identity)) process.kill(-identity.pid, 'SIGTERM');
  const timer = setTimeout(() => {
    if (isAlive(identity)) process.kill(-identity.pid, 'SIGKILL');
  }, stopGraceMs);
  exited.then(() => clearTimeout(timer));
}

/** What starts the live bot: `live.command` of config.json. */
function readCommand() {
  const file = path.join(root, 'config.json');
  /** @type {any} */
  let config = {};
  try {
    config = JSON.parse(fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') {
      throw new Refusal(
        `config.json cannot be read: ${/** @type {Error} */ (error).message}\n-> Mend the file, then start again: npm start. The place is shown by: npx understudy list`,
      );
    }
  }
  const command = config?.live?.command;
  const usable =
    Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string');
  return usable ? command : ['node', '--import', 'tsx', 'src/index.ts'];
}

/** Shows what live writes to its log, from now on. */
function followLog() {
  let offset = sizeOf(logPath);
  const flush = () => {
    const size = sizeOf(logPath);
    if (size < offset) offset = 0;
    if (size === offset) return;
    const log = fs.openSync(logPath, 'r');
    try {
      const buffer = Buffer.alloc(65536);
      for (let read = -1; read !== 0; offset += read) {
        read = fs.readSync(log, buffer, 0, buffer.length, offset);
        process.stdout.write(Buffer.from(buffer.subarray(0, read)));
      }
    } finally {
      fs.closeSync(log);
    }
  };
  const timer = setInterval(flush, followMs);
  return { flush, close: () => clearInterval(timer) };
}

/** Runs `npm ci` where the packages are missing, or are not the ones that package-lock.json names. */
async function installPackages() {
  const lockFile = path.join(root, 'package-lock.json');
  if (!fs.existsSync(lockFile) || packagesAreCurrent(lockFile)) return;
  say('installing the packages that package-lock.json names; the first time takes a minute or two');
  const startedAt = Date.now();
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  const timer = setInterval(() => {
    say(
      `still installing, ${Math.round((Date.now() - startedAt) / 1000)} s: ${countPackages()} packages so far`,
    );
  }, 5000);
  const code = await new Promise((resolve) => {
    npm.once('error', () => resolve(127));
    npm.once('exit', resolve);
  });
  clearInterval(timer);
  if (code !== 0) {
    throw new Refusal(
      `npm ci failed${code === 127 ? ': npm was not found' : ` with exit code ${code}`}.\n-> What is wrong stands above; a compiler and Python are needed where no built package can be had. Then start again: npm start`,
    );
  }
  say(`installed in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

/** @param {string} lockFile */
function packagesAreCurrent(lockFile) {
  // npm writes this file last, so an install that was cut off has none.
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  if (!fs.existsSync(installed)) return false;
  if (fs.statSync(installed).mtimeMs >= fs.statSync(lockFile).mtimeMs) return true;
  const wanted = readJson(lockFile)?.packages || {};
  const present = readJson(installed)?.packages || {};
  return Object.keys(wanted).every((name) => {
    if (name === '' || (wanted[name].optional && !present[name])) return true;
    return present[name] !== undefined && present[name].version === wanted[name].version;
  });
}

function countPackages() {
  try {
    return fs.readdirSync(path.join(root, 'node_modules')).length;
  } catch {
    return 0;
  }
}

/**
 * One watchdog for each root. A lock is linked into place, which fails when there is one. The lock of a dead holder
 * is replaced while holding a second lock, so that of two watchdogs that see it dead only one takes its place.
 * @param {string} file
 */
function takeLock(file) {
  const temporary = `${file}.${process.pid}`;
  fs.writeFileSync(temporary, JSON.stringify(identify(process.pid)));
  try {
    try {
      fs.linkSync(temporary, file);
      return;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    refuseLivingHolder(file);
    takeLock(`${file}.next`);
    try {
      refuseLivingHolder(file);
      fs.renameSync(temporary, file);
    } finally {
      fs.rmSync(`${file}.next`, { force: true });
    }
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

/** @param {string} file */
function refuseLivingHolder(file) {
  const holder = readJson(file);
  if (!holder || !isAlive(holder)) return;
  throw new Refusal(
    `A watchdog already runs for ${root}, with PID ${holder.pid}.\n-> Look at it with: npx understudy doctor. To start anew, stop it first: kill ${holder.pid}`,
  );
}

/** @param {number | undefined} pid @returns {Identity | undefined} */
function identify(pid) {
  const begun = pid === undefined ? undefined : startOf(pid);
  return pid === undefined || begun === undefined ? undefined : { pid, start: begun };
}

/** @param {Identity} identity */
function isAlive(identity) {
  return startOf(identity.pid) === identity.start;
}

/**
 * When a process started, in the same words as skills/process-manager/base/identity.ts; a zombie is not alive.
 * @param {number} pid
 */
function startOf(pid) {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
    const found = /^(\S+)\s+(.+?)\s*$/m.exec(stdout || '');
    return found?.[1] && !found[1].startsWith('Z') ? found[2] : undefined;
  }
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** @param {string} file */
function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param {string} file
 * @param {string} content
 */
function replaceFile(file, content) {
  const temporary = `${file}.${process.pid}`;
  fs.writeFileSync(temporary, content);
  fs.renameSync(temporary, file);
}

/** @param {string} file */
function sizeOf(file) {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  return found ? found.size : 0;
}

/** @param {string} message */
function say(message) {
  console.log(`watchdog: ${message}`);
}
