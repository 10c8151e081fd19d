// Boots, watches and switches the live bot of the folder that it lies in, and takes a bad release back. One file,
// node: modules only, so that it runs when node_modules, src/ and skills/ are broken or gone. Syntax stays at what
// Node 14 can parse: an older Node must get as far as the sentence that says it is too old.
//
// The table below is the specification, and what the code runs on. An event that has no row for the present state
// changes nothing. Of several rows the first counts whose condition (`when`) holds. `does` names the actions, in
// order; the state has changed before the first of them. Each act that must survive a kill is noted on disk before it
// (release.json, .watchdog.json), and starting is the same as recovering: `booting` only looks at what is there.
//
//   booting       finds out what runs, and what was cut off
//   waiting       live is down; it is started when the wait is over
//   running       live runs, and what it runs is good
//   due           a release waits for live to be idle
//   restarting    live is being stopped, to be started again
//   switching     live is being stopped, and the release moves in
//   trial         live runs a release that has to prove itself
//   retrying      it ended once; it is started once more when the wait is over
//   reverting     live is being stopped, and what was there before moves back
//   inconsistent  that failed; it is tried again when the wait is over
//   ending        live is being stopped, and then this ends
//   ended         nothing is watched any more

// biome-ignore format: the columns are the point
const table = [
  // state          event            when             next            does
  ['booting',       'in order',      'up',            'running',      'adopt'],
  ['booting',       'in order',      'applying',      'waiting',      ''],
  ['booting',       'in order',      '',              'running',      'start'],
  ['booting',       'in switching',  '',              'switching',    'stop'],
  ['booting',       'in trial',      'up',            'trial',        'adopt'],
  ['booting',       'in trial',      'used up',       'reverting',    'condemn stop'],
  ['booting',       'in trial',      '',              'trial',        'start'],
  ['booting',       'in reverting',  '',              'reverting',    'condemn stop'],
  ['waiting',       'time',          '',              'running',      'start'],
  ['waiting',       'restart',       '',              'running',      'start'],
  ['waiting',       'deploy',        '',              'due',          ''],
  ['waiting',       'end',           '',              'ended',        'finish'],
  ['running',       'gone',          'wish',          'ended',        'finish'],
  ['running',       'gone',          'refused',       'ended',        'refuse finish'],
  ['running',       'gone',          'loop',          'reverting',    'giveUp stop'],
  ['running',       'gone',          'no way back',   'waiting',      'waitLong'],
  ['running',       'gone',          '',              'waiting',      'wait'],
  ['running',       'stalled',       '',              'restarting',   'stop'],
  ['running',       'restart',       '',              'restarting',   'stop'],
  ['running',       'deploy',        '',              'due',          ''],
  ['running',       'end',           '',              'ending',       'stop'],
  ['due',           'idle',          '',              'due',          'accept'],
  ['due',           'deadline',      '',              'due',          'accept'],
  ['due',           'accepted',      'backwards',     'reverting',    'stop'],
  ['due',           'accepted',      '',              'switching',    'stop'],
  ['due',           'withdrawn',     'up',            'running',      ''],
  ['due',           'withdrawn',     '',              'running',      'start'],
  ['due',           'gone',          '',              'due',          ''],
  ['due',           'stalled',       '',              'restarting',   'stop'],
  ['due',           'restart',       '',              'restarting',   'stop'],
  ['due',           'end',           '',              'ending',       'stop'],
  ['restarting',    'gone',          '',              'running',      'start'],
  ['restarting',    'end',           '',              'ending',       ''],
  ['switching',     'gone',          '',              'switching',    'moveIn'],
  ['switching',     'moved',         '',              'trial',        'start'],
  ['switching',     'stuck',         '',              'reverting',    'excuse condemn stop'],
  ['switching',     'end',           '',              'ending',       ''],
  ['trial',         'gone',          'used up',       'reverting',    'condemn stop'],
  ['trial',         'gone',          '',              'retrying',     'wait'],
  ['trial',         'late',          '',              'reverting',    'condemn stop'],
  ['trial',         'stalled',       '',              'reverting',    'condemn stop'],
  ['trial',         'unfit',         '',              'reverting',    'condemn stop'],
  ['trial',         'stuck',         '',              'reverting',    'excuse condemn stop'],
  ['trial',         'restart',       '',              'trial',        'postpone'],
  ['trial',         'proven',        '',              'trial',        'settle'],
  ['trial',         'settled',       '',              'running',      ''],
  ['trial',         'end',           '',              'ending',       'uncount stop'],
  ['retrying',      'time',          '',              'trial',        'start'],
  ['retrying',      'restart',       '',              'trial',        'start'],
  ['retrying',      'end',           '',              'ended',        'finish'],
  ['reverting',     'gone',          '',              'reverting',    'moveBack'],
  ['reverting',     'back',          '',              'running',      'start'],
  ['reverting',     'stuck',         '',              'inconsistent', 'complain wait'],
  ['reverting',     'end',           '',              'ending',       ''],
  ['inconsistent',  'time',          '',              'reverting',    'condemn stop'],
  ['inconsistent',  'restart',       '',              'reverting',    'condemn stop'],
  ['inconsistent',  'end',           '',              'ending',       'stop'],
  ['ending',        'gone',          '',              'ended',        'finish'],
];

import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const ownFile = fileURLToPath(import.meta.url);
const root = path.resolve(optionOf('--root') || path.dirname(ownFile));
const lockPath = path.join(root, '.watchdog.lock');
const memoryPath = path.join(root, '.watchdog.json');
const livePath = path.join(root, 'logs', 'live.log');
const historyPath = path.join(root, 'logs', 'watchdog.log');
const backups = path.join(root, 'backups');
const restartSignal = path.join(root, '.restart-signal');
const heartbeatPath = path.join(root, '.heartbeat');
const deployReady = path.join(root, '.deploy-ready');
const deployInProgress = path.join(root, '.deploy-in-progress');
const deployReverted = path.join(root, '.deploy-reverted');

/** What each copy of .watchdog.json, and the answer of a self-test, bear; newer ones may differ in it. */
const format = 1;
/** sysexits.h: the configuration is wrong. Starting again would not help. */
const configurationExit = 78;
const mostTrialStarts = 2;
/** So many ends within `loopMs`, and a good release counts as one that ends at every start. */
const loopEnds = 5;
const logLimit = 512 * 1024;
const markBytes = 16;
/** A switch never happened although it was begun: its release is not to blame. */
const notSwitched = 'not switched: ';
const later = 'the bot was not running when it was to take over';

/** In milliseconds. A test may set each of them: UNDERSTUDY_WATCHDOG_STABLE_MS=500 for `stableMs`. */
const times = {
  pollMs: setting('POLL_MS', 80),
  stopGraceMs: setting('STOP_GRACE_MS', 10000),
  firstRestartMs: setting('FIRST_RESTART_MS', 1000),
  longestRestartMs: setting('LONGEST_RESTART_MS', 60000),
  /** A run of this length was no failed start. */
  stableMs: setting('STABLE_MS', 60000),
  loopMs: setting('LOOP_MS', 300000),
  /** Between attempts when there is nothing left to go back to. */
  lastResortMs: setting('LAST_RESORT_MS', 300000),
  /** How old the last heartbeat of a living bot may be, on trial and later. */
  trialStallMs: setting('TRIAL_STALL_MS', 15000),
  stallMs: setting('STALL_MS', 60000),
  /** A heartbeat that is older says nothing about being busy. */
  busyMs: setting('BUSY_MS', 30000),
  takeoverMs: setting('TAKEOVER_MS', 10000),
  hearsayMs: setting('HEARSAY_MS', 2000),
  /** How long a new watchdog must go on before the old one forgets its job. */
  probationMs: setting('PROBATION_MS', 60000),
};

/** @typedef {{pid: number, start: string}} Identity a PID, and what tells its owner from a later one */
/** @typedef {Identity & {number: number, startedAt: string, from: number}} Noted live, as .watchdog.json has it; `from` is where its log begins */
/** @typedef {{state: string, busy: number, discord: string | undefined, seenAt: number}} Beat */
/** @typedef {Noted & {since: number, isChild: boolean, isEnding: boolean, readyAt?: number, beat?: Beat, beatKey?: string, answered?: boolean, matched?: boolean, goneAt?: number, killer?: NodeJS.Timeout}} Live */
/** @typedef {{heartbeat?: boolean, pattern?: string, url?: string, uptimeSeconds?: number}} Ready */
/** @typedef {{live: {command: string[], ready: Ready, readySeconds: number, trialSeconds: number}, releases: {keep: number, idleDeadlineSeconds: number}}} Settings */
/** @typedef {{release: string, starts: number, needsDiscord: boolean, ends: string[], from?: number, journal?: Journal}} Trial */
/**
 * @typedef {object} Memory what .watchdog.json holds
 * @property {number} startNumber counts every start, so that live can be found by it
 * @property {Noted | null} live
 * @property {{number: number, startedAt: string, from: number} | null} intent a start that is not noted in `live` yet
 * @property {string[]} bad hashes of releases that were taken back
 * @property {Trial | null} trial
 * @property {number[]} ends when live ended by itself lately
 * @property {boolean} isExhausted nothing is left to go back to
 * @property {Settings | null} settings the last good ones
 */
/** @typedef {{path: string, live: boolean, next: boolean}} Entry */
/** @typedef {{version: string, createdAt: string, state: string, stateAt: string, detail: string | null, hash: string, entries: Entry[], watchdog: string | null, live?: unknown}} Journal */
/** @typedef {{name: string, folder: string, journal: Journal}} Release */
/** @typedef {{list: string[], isRollback: boolean, because: string | null, text?: string}} Work what is to be moved in, or back, newest first; without `because` a person wants it */
/**
 * @typedef {object} Watch
 * @property {string} state
 * @property {Memory} memory
 * @property {Settings} settings
 * @property {Live | undefined} live
 * @property {Work | undefined} work
 * @property {string | null} reason why a release is taken back
 * @property {boolean} isApplying
 * @property {boolean} isInstalling while a new watchdog.js is looked at
 * @property {boolean} isFrozen while another watchdog may take over
 * @property {(() => void)[]} missed what happened meanwhile
 * @property {import('node:child_process').ChildProcess | undefined} heir the watchdog that takes over
 * @property {boolean} wasUp
 * @property {boolean} wantsRestart
 * @property {number} waitMs
 * @property {number} notBefore no release is looked at earlier
 * @property {NodeJS.Timeout | undefined} timer
 * @property {ReturnType<typeof followLog>} log
 * @property {(() => void)[]} closers
 * @property {number} exitCode
 * @property {(code: number) => void} end
 */

/** Something that a person has to mend; shown as it is, without a stack. */
class Refusal extends Error {}

async function main() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Refusal(
      `Understudy needs Node 20.19 or newer, and this is Node ${process.versions.node}.\n-> Install a newer Node (https://nodejs.org), or put it first in PATH.`,
    );
  }
  const has = (/** @type {string} */ word) => process.argv.includes(word);
  if (has('--help')) {
    console.log(
      [
        'node watchdog.js            start the bot and watch over it (npm start)',
        'node watchdog.js --install  only install what package-lock.json names',
        'node watchdog.js --apply    switch to the release that is staged, try it, and end; --stay watches on',
        'node watchdog.js --selftest say whether this file works here',
        'node watchdog.js --table    print the states and events as JSON',
      ].join('\n'),
    );
    return;
  }
  if (has('--table')) return console.log(JSON.stringify(describeTable()));
  if (has('--selftest')) return testOneself();
  if (has('--install')) return installPackages();
  // A terminal that was closed is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  if (has('--takeover')) return takeOver();
  takeLock(lockPath);
  try {
    process.exitCode = await watch(has('--apply'), has('--stay'));
  } finally {
    disk.remove(lockPath, { force: true });
  }
  process.exit();
}

/** @param {boolean} isApplying @param {boolean} stays */
async function watch(isApplying, stays) {
  const memory = readMemory();
  const work = survey(memory);
  if (isApplying && work.event === 'in order' && !fs.existsSync(deployReady)) {
    if (!allReleases().some(({ journal }) => journal.state === 'staged')) {
      say('no release is staged: nothing to apply');
      return 0;
    }
    // Staged without a wish to switch: this is the wish.
    disk.write(deployReady, JSON.stringify({ staged_at: new Date().toISOString(), staged_by: '--apply' }));
  }
  const w = createWatch(memory, work, isApplying && !stays);
  // Halfway through a switch the packages are not to be looked at, and a release on trial has to bring its own.
  if (work.event === 'in order' && !w.live) await installPackages();
  const ended = run(w, work.event);
  const [newest] = goodReleases();
  if (newest && w.state === 'running') tryWatchdog(w, newest);
  return ended;
}

/** @param {Memory} memory @param {ReturnType<typeof survey>} survey @param {boolean} isApplying @returns {Watch} */
function createWatch(memory, { event, work, reason }, isApplying) {
  const settings = readSettings(memory.settings, event !== 'in order');
  return {
    state: 'booting',
    memory,
    settings,
    live: findLive(memory),
    work,
    reason,
    isApplying,
    isInstalling: false,
    isFrozen: false,
    missed: [],
    heir: undefined,
    wasUp: false,
    wantsRestart: false,
    waitMs: times.firstRestartMs,
    notBefore: 0,
    timer: undefined,
    log: followLog(),
    closers: [],
    exitCode: 0,
    end: () => {},
  };
}

/** Runs through the table until it ends; the exit code. @param {Watch} w @param {string} event @returns {Promise<number>} */
function run(w, event) {
  const ended = new Promise((resolve) => Object.assign(w, { end: resolve }));
  onSignals(['SIGTERM', 'SIGINT', 'SIGHUP'], (signal) => {
    if (w.state !== 'ending') say(`${signal}: stopping the bot`);
    dispatch(w, 'end');
  });
  // A signal from before this start was meant for a live bot that has been started since.
  attempt(() => disk.remove(restartSignal, { force: true, recursive: true }));
  attempt(() => repairTrim(w.live));
  const look = () => {
    attempt(() => tick(w));
    keepManagerCalm();
  };
  const timer = setInterval(look, times.pollMs);
  w.closers.push(() => clearInterval(timer));
  try {
    const watcher = fs.watch(root, (_, name) => {
      if (name === '.restart-signal' || name === '.deploy-ready') look();
    });
    watcher.on('error', () => watcher.close());
    w.closers.push(() => watcher.close());
  } catch {
    // Too many watches on this machine: looking every few milliseconds is enough.
  }
  const { trial } = w.memory;
  const ends = trial ? `${trial.starts} times and survived none: ${trial.ends.join('; ')}` : '0 times';
  dispatch(w, event, { reason: w.reason || `it was started ${ends}` });
  tellManager({ READY: '1' });
  return /** @type {Promise<number>} */ (ended);
}

// ---------------------------------------------------------------------------------------------------------------
// The machine: guards, actions, and what is noticed.

/** @param {Watch} w @param {string} event @param {{reason?: string, code?: number | null}} [info] @returns {void} */
function dispatch(w, event, info = {}) {
  if (w.isFrozen) {
    w.missed.push(() => dispatch(w, event, info));
    return;
  }
  const row = table.find(
    ([state, name, when]) => state === w.state && name === event && (!when || guardOf(when)(w, info)),
  );
  if (!row) return;
  if (process.env.UNDERSTUDY_TEST_TRACE)
    fs.appendFileSync(process.env.UNDERSTUDY_TEST_TRACE, `${row.slice(0, 3).join('|')}\n`);
  clearTimeout(w.timer);
  w.state = row[3] || w.state;
  try {
    for (const name of (row[4] || '').split(' ').filter(Boolean)) actionOf(name)(w, info);
  } catch (error) {
    const reason = messageOf(error);
    say(`${w.state}: ${reason}`);
    dispatch(w, 'stuck', { reason });
  }
  if (row[3]) reportState(w);
}

/** @typedef {(w: Watch, info: {reason?: string, code?: number | null}) => boolean} Guard */
/** @type {Record<string, Guard>} */
const guards = {
  up: (w) => w.live !== undefined,
  applying: (w) => w.isApplying,
  backwards: (w) => w.work?.isRollback === true,
  'used up': (w) => w.memory.trial !== null && w.memory.trial.starts >= mostTrialStarts,
  wish: (_, { code }) => code === 0,
  refused: (w, { code }) => code === configurationExit && !w.wasUp,
  loop: (w) => isLoop(w.memory) && wayBack(w.memory).length > 0,
  'no way back': (w) => w.memory.isExhausted || isLoop(w.memory),
};

/** @typedef {(w: Watch, info: {reason?: string, code?: number | null}) => void} Action */
/** @type {Record<string, Action>} */
const actions = {
  start: startLive,
  adopt,
  stop: stopLive,
  wait: (w) => {
    say(
      `${w.state === 'inconsistent' ? 'it is tried again' : 'the bot is started again'} in ${w.waitMs / 1000} s`,
    );
    w.timer = setTimeout(() => dispatch(w, 'time'), w.waitMs);
    w.waitMs = Math.min(w.waitMs * 2, times.longestRestartMs);
  },
  waitLong: (w) => {
    w.memory.isExhausted = true;
    attempt(() => saveMemory(w.memory));
    const minutes = Math.round(times.lastResortMs / 6000) / 10;
    say(`the bot ends at every start, and no good release is left to go back to; next try in ${minutes} min`);
    w.timer = setTimeout(() => dispatch(w, 'time'), times.lastResortMs);
  },
  refuse: (w) => {
    say(
      'the bot refuses its configuration (see above). Mend it, then start again: npm start, or node watchdog.js',
    );
    w.exitCode = configurationExit;
  },
  giveUp: (w) => {
    const list = wayBack(w.memory);
    const because = `it ended ${loopEnds} times within ${Math.round(times.loopMs / 60000)} minutes although it had been good`;
    w.work = { list, isRollback: true, because };
    say(`${list.join(', ')}: ${because}; going back`);
    replaceFile(
      deployInProgress,
      JSON.stringify({ release: list[0], action: 'rollback', rollback: list, because }),
    );
  },
  accept,
  moveIn,
  excuse: (w, { reason }) => {
    w.reason = notSwitched + reason;
  },
  condemn,
  moveBack,
  complain: (w, { reason = 'unknown' }) => sayInconsistent(w, reason),
  settle,
  postpone: (w) => {
    w.wantsRestart = true;
  },
  uncount: (w) => {
    // It is stopped because somebody wants it, so this start says nothing about the release.
    if (w.memory.trial) w.memory.trial.starts -= 1;
  },
  finish: (w) => {
    w.log.flush(undefined);
    w.memory.live = null;
    attempt(() => saveMemory(w.memory));
    close(w);
    w.end(w.exitCode);
  },
};

/** @param {string} name */
function guardOf(name) {
  return guards[name] || (() => false);
}

/** @param {string} name @returns {Action} */
function actionOf(name) {
  return actions[name] || (() => {});
}

/** Everything that is noticed by looking; what file events notice comes here too. @param {Watch} w */
function tick(w) {
  if (w.isFrozen || w.state === 'ended') return;
  // Somebody may have tidied the lock away, and a second watchdog must find it.
  if (!exists(lockPath)) attempt(() => disk.write(lockPath, JSON.stringify(identify(process.pid))));
  attempt(() => w.log.flush(w.live));
  attempt(() => w.log.bound(w.live));
  const { live } = w;
  if (live && !live.isChild && !live.isEnding && !isAlive(live)) noteUnseenEnd(w, live);
  if (w.live) readHeartbeat(w.live);
  if (w.live && !w.live.isEnding) lookAtLive(w, w.live);
  lookForRestart(w);
  lookForRelease(w);
  if (w.state === 'running' && w.isApplying && w.live && !w.isInstalling) leave(w);
  if (w.state === 'running' && w.wantsRestart) {
    w.wantsRestart = false;
    dispatch(w, 'restart');
  }
}

/** A watchdog that handed its job over and still waits knows the exit code, and tells it in a moment. */
/** @param {Watch} w @param {Live} live */
function noteUnseenEnd(w, live) {
  live.goneAt = live.goneAt || performance.now();
  if (process.connected && performance.now() - live.goneAt < times.hearsayMs) return;
  noteEnd(w, live, null, null);
}

/** @param {Watch} w @param {Live} live */
function lookAtLive(w, live) {
  const now = performance.now();
  if (w.state === 'trial') return lookAtTrial(w, live, now);
  if (now - live.since > times.stableMs && (w.memory.ends.length > 0 || w.memory.isExhausted)) {
    w.wasUp = true;
    Object.assign(w.memory, { ends: [], isExhausted: false });
    attempt(() => saveMemory(w.memory));
  }
  if (w.state !== 'running' && w.state !== 'due') return;
  if (live.beat && live.beat.state === 'ready' && now - live.beat.seenAt > times.stallMs) {
    say(`the bot hangs: no heartbeat for ${Math.round((now - live.beat.seenAt) / 1000)} s`);
    dispatch(w, 'stalled');
  }
}

/** @param {Watch} w @param {Live} live @param {number} now */
function lookAtTrial(w, live, now) {
  const { ready, readySeconds, trialSeconds } = w.settings.live;
  if (live.readyAt === undefined) {
    if (isReady(w, live, now)) {
      live.readyAt = now;
      say(`${versionOf(w)} is ready; it must stay up for ${trialSeconds} s`);
    } else if (now - live.since > readySeconds * 1000) {
      dispatch(w, 'late', { reason: `it did not get ready within ${readySeconds} s${whyNotReady(w, live)}` });
    }
    return;
  }
  const { beat } = live;
  const until = live.readyAt + trialSeconds * 1000;
  if (beat && now - beat.seenAt > times.trialStallMs) {
    const reason = `its heartbeat stopped: it was ready, and then did nothing for ${times.trialStallMs / 1000} s`;
    return dispatch(w, 'stalled', { reason });
  }
  // The last word must have come after the whole time: a bot that hangs since a moment ago has not proven anything.
  if (
    now < until ||
    w.notBefore > now ||
    (beat && (beat.seenAt < until || (ready.heartbeat && beat.state !== 'ready')))
  )
    return;
  const problem = unfitness(w);
  dispatch(w, problem ? 'unfit' : 'proven', problem ? { reason: problem } : {});
}

/** @param {Watch} w @param {Live} live @param {number} now */
function isReady(w, live, now) {
  const { ready } = w.settings.live;
  if (ready.uptimeSeconds !== undefined) return now - live.since >= ready.uptimeSeconds * 1000;
  if (ready.pattern !== undefined) return live.matched === true;
  if (ready.url !== undefined) return live.answered === true;
  if (live.beat?.state !== 'ready') return false;
  return live.beat.discord === 'ready' || !w.memory.trial?.needsDiscord;
}

/** @param {Watch} w @param {Live} live */
function whyNotReady(w, { beat }) {
  const { ready } = w.settings.live;
  if (ready.pattern !== undefined) return `: no line of its output matched ${ready.pattern}`;
  if (ready.url !== undefined) return `: ${ready.url} did not answer with a 2xx status`;
  if (!beat) return ': it wrote no .heartbeat';
  return beat.state === 'ready'
    ? `: Discord was ready before, and is ${beat.discord} now`
    : `: its .heartbeat still says ${beat.state}`;
}

/** What a release that seems to work has broken all the same. @param {Watch} w */
function unfitness(w) {
  const release = workRelease(w);
  if (!release) return 'its release.json is gone';
  const lost = release.journal.entries.find(({ path: name, next }) => next && !exists(path.join(root, name)));
  if (lost) return `${lost.path} disappeared while it ran`;
  if (!release.journal.entries.some((entry) => entry.path === 'config.json' && entry.live)) return undefined;
  if (!exists(path.join(root, 'config.json'))) return 'config.json is gone';
  try {
    parseConfig(fs.readFileSync(path.join(root, 'config.json'), 'utf8'));
  } catch (error) {
    return `config.json cannot be read: ${messageOf(error)}`;
  }
  return undefined;
}

/** @param {Watch} w */
function lookForRestart(w) {
  if (!exists(restartSignal)) return;
  const text = attempt(() => fs.readFileSync(restartSignal, 'utf8')) || '';
  const asked = parseLoosely(text);
  disk.remove(restartSignal, { force: true, recursive: true });
  const by = typeof asked.requestedBy === 'string' ? ` by ${asked.requestedBy}` : '';
  say(`a restart was asked for${by}${typeof asked.reason === 'string' ? `: ${asked.reason}` : ''}`);
  dispatch(w, 'restart');
}

/** @param {Watch} w */
function lookForRelease(w) {
  if (w.state === 'due') {
    // Another wish in the same place is another work: it is read anew.
    if (readMarker() !== w.work?.text) return dispatch(w, 'withdrawn');
    const { live } = w;
    const { idleDeadlineSeconds } = w.settings.releases;
    const waitedMs = Date.now() - fs.statSync(deployReady).mtimeMs;
    const isBusy = live?.beat && live.beat.busy > 0 && performance.now() - live.beat.seenAt < times.busyMs;
    if (!isBusy) return dispatch(w, 'idle');
    if (waitedMs > idleDeadlineSeconds * 1000) {
      say(`the bot is still busy after ${idleDeadlineSeconds} s; switching all the same`);
      dispatch(w, 'deadline');
    }
    return;
  }
  if (w.state === 'running' && exists(deployInProgress)) removeStaleMarker();
  if (!['running', 'waiting'].includes(w.state) || performance.now() < w.notBefore || !exists(deployReady))
    return;
  const text = readMarker();
  if (text === undefined) return dropMarker(w, 'it is no file');
  // A script may be about to write more into it.
  if (!text.trim().endsWith('}') && Math.abs(Date.now() - fs.statSync(deployReady).mtimeMs) < 300) return;
  const found = readWork(parseLoosely(text));
  if (typeof found === 'string') return dropMarker(w, found);
  w.work = { ...found, text };
  say(
    `${found.list.join(', ')}: ${found.isRollback ? 'to be rolled back' : 'staged'}; waiting for the bot to be idle`,
  );
  dispatch(w, 'deploy');
}

/** Nothing is under way, whatever the marker says, and whoever wants to promote waits for its end. */
function removeStaleMarker() {
  if (allReleases().some(({ journal }) => ['switching', 'trial', 'reverting'].includes(journal.state)))
    return;
  say('.deploy-in-progress is removed: nothing is being switched');
  disk.remove(deployInProgress, { force: true, recursive: true });
}

/** What the marker asks for, as it stands; undefined where there is none that can be read. */
function readMarker(file = deployReady) {
  return attempt(() => fs.readFileSync(file, 'utf8'), true);
}

/** A marker that nothing can be done about. @param {Watch} w @param {string} reason */
function dropMarker(w, reason) {
  say(`.deploy-ready is ignored: ${reason}`);
  // Should it be impossible to remove, that is said once a minute, not at every look.
  w.notBefore = performance.now() + 60000;
  if (w.isApplying) w.exitCode = 1;
  disk.remove(deployReady, { force: true, recursive: true });
  w.notBefore = 0;
  // Live was not started yet for its sake.
  if (w.isApplying && w.state === 'waiting') dispatch(w, 'time');
}

/** `--apply` is done: live runs on, and the next watchdog adopts it. @param {Watch} w */
function leave(w) {
  if (exists(deployReady) && performance.now() >= w.notBefore) return;
  w.state = 'ended';
  attempt(() => saveMemory(w.memory));
  close(w);
  w.end(w.exitCode);
}

/** @param {Watch} w */
function close(w) {
  clearTimeout(w.timer);
  for (const closer of w.closers) closer();
}

/** @param {Memory} memory */
function isLoop({ ends }) {
  const [first, last] = [ends[0], ends[loopEnds - 1]];
  return first !== undefined && last !== undefined && last - first <= times.loopMs;
}

// ---------------------------------------------------------------------------------------------------------------
// The live bot: start, adopt, stop, and the signs of life that it gives.

/** Starts live with its output going straight to its log, so that it never depends on this process. @param {Watch} w */
function startLive(w) {
  const { memory } = w;
  const isTrial = w.state === 'trial';
  const release = isTrial ? workRelease(w) : undefined;
  if (isTrial) w.settings = trialSettings(w, release);
  else w.settings = memory.settings = readSettings(w.settings, true);
  const intent = { number: memory.startNumber + 1, startedAt: new Date().toISOString(), from: w.log.end() };
  Object.assign(memory, { startNumber: intent.number, intent, live: null });
  if (isTrial && memory.trial) {
    memory.trial.starts += 1;
    // What the versions before have printed is not its doing.
    memory.trial.from = memory.trial.from ?? intent.from;
  }
  // A release that takes the whole machine down must have been counted; a good one is started on a full disk too.
  if (isTrial) saveMemory(memory);
  else attempt(() => saveMemory(memory));
  attempt(() => disk.remove(heartbeatPath, { force: true }));
  const child = attempt(() => spawnLive(w.settings.live.command, intent.number));
  const identity = identify(child?.pid);
  /** @type {Live} */
  const live = {
    ...(identity || { pid: -1, start: '' }),
    ...intent,
    since: performance.now(),
    isChild: true,
    isEnding: false,
  };
  w.live = live;
  if (child) {
    child.once('error', (error) => {
      say(`the bot could not be started: ${error.message}`);
      noteEnd(w, live, 1, null);
    });
    child.once('exit', (code, signal) => noteEnd(w, live, code, signal));
  } else {
    setImmediate(() => noteEnd(w, live, 1, null));
  }
  Object.assign(memory, { live: notedOf(live), intent: null });
  attempt(() => saveMemory(memory));
  w.log.search(isTrial ? w.settings.live.ready.pattern : undefined, live.from);
  if (w.settings.live.ready.url !== undefined) askUrl(w, live, w.settings.live.ready.url);
}

/** @param {string[]} command @param {number} number */
function spawnLive(command, number) {
  const log = attempt(() => {
    if (!exists(path.dirname(livePath))) disk.mkdir(path.dirname(livePath), { recursive: true });
    const fd = fs.openSync(livePath, 'a+');
    // A bot that was killed may have left a line without its end.
    const size = fs.fstatSync(fd).size;
    if (size > 0 && !endsLine(fd, size)) disk.writeAt(fd, '\n');
    return fd;
  });
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, UNDERSTUDY_LIVE: `${root}:${number}`, UNDERSTUDY_VERSION: presentVersion() };
  for (const name of Object.keys(env)) {
    if (/^(UNDERSTUDY_(ROOT|TEST_|WATCHDOG_)|NOTIFY_SOCKET$|WATCHDOG_|NODE_CHANNEL_)/.test(name))
      delete env[name];
  }
  const output = log === undefined ? 'ignore' : log;
  const [program = 'node', ...words] = command;
  try {
    countStep('spawn');
    return spawn(program === 'node' ? process.execPath : program, words, {
      cwd: root,
      detached: true,
      stdio: ['ignore', output, output],
      env,
    });
  } finally {
    if (log !== undefined) fs.closeSync(log);
  }
}

/** What a live bot has left behind in its process group ends with it; then the table hears that it is gone. */
/** @param {Watch} w @param {Live} live @param {number | null} code @param {string | null} signal */
function noteEnd(w, live, code, signal) {
  // A late end of an earlier run says nothing about the present one.
  if (w.live !== live || live.isEnding) return;
  if (w.isFrozen) {
    w.missed.push(() => noteEnd(w, live, code, signal));
    if (w.heir?.connected) w.heir.send({ pid: live.pid, code });
    return;
  }
  live.isEnding = true;
  w.log.flush(live);
  const deadline = performance.now() + times.stopGraceMs;
  const rest = () => {
    const left = live.pid > 0 ? groupMembers(live) : [];
    if (left.length > 0) {
      for (const pid of left) signalOne(pid, performance.now() < deadline ? 'SIGTERM' : 'SIGKILL');
      setTimeout(rest, 50);
      return;
    }
    clearTimeout(live.killer);
    w.live = undefined;
    w.memory.live = null;
    const upMs = performance.now() - live.since;
    const how = `${code === null ? (signal ? `killed by ${signal}` : 'ended') : `exit code ${code}`} after ${Math.round(upMs / 100) / 10} s`;
    if (['running', 'due', 'trial'].includes(w.state)) say(`the bot ended (${how})`);
    noteHowItEnded(w, code, upMs, how);
    dispatch(w, 'gone', {
      code,
      reason: w.memory.trial
        ? `it ended ${w.memory.trial.ends.length} times in its trial: ${w.memory.trial.ends.join('; ')}`
        : how,
    });
  };
  rest();
}

/** @param {Watch} w @param {number | null} code @param {number} upMs @param {string} how */
function noteHowItEnded(w, code, upMs, how) {
  const { memory } = w;
  if (upMs > times.stableMs) {
    w.wasUp = true;
    w.waitMs = times.firstRestartMs;
    Object.assign(memory, { ends: [], isExhausted: false });
  }
  if (w.state === 'trial' && memory.trial) memory.trial.ends.push(how);
  if (!['running', 'due'].includes(w.state) || code === 0) return;
  memory.ends = [...memory.ends, Date.now()].slice(-loopEnds);
  attempt(() => saveMemory(memory));
}

/** SIGTERM to the group, and SIGKILL when the grace is over; without a live bot, it is gone already. @param {Watch} w */
function stopLive(w) {
  const { live } = w;
  if (!live) return dispatch(w, 'gone', { code: null });
  if (live.isEnding || live.killer) return;
  signalGroup(live, 'SIGTERM');
  // One that is paused would hear it only when it goes on.
  signalGroup(live, 'SIGCONT');
  live.killer = setTimeout(() => signalGroup(live, 'SIGKILL'), times.stopGraceMs);
}

/** @param {Live} live @param {NodeJS.Signals} signal */
function signalGroup(live, signal) {
  if (live.pid <= 0 || !isAlive(live)) return;
  try {
    process.kill(-live.pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

/** @param {number} pid @param {NodeJS.Signals} signal */
function signalOne(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** @param {Watch} w */
function adopt(w) {
  const live = /** @type {Live} */ (w.live);
  say(`the bot already runs with PID ${live.pid}; watching it`);
  if (w.state !== 'trial') {
    w.wasUp = true;
    return;
  }
  w.settings = trialSettings(w, workRelease(w));
  const { pattern, url } = w.settings.live.ready;
  w.log.search(pattern, live.from);
  if (url !== undefined) askUrl(w, live, url);
}

/** The live bot that a watchdog before this one left running, if it did: it must never run twice. @param {Memory} memory @returns {Live | undefined} */
function findLive(memory) {
  if (memory.live && isAlive(memory.live)) return adopted(memory.live);
  if (memory.startNumber > 0 && !memory.intent) return undefined;
  // It died between starting live and noting it: live carries the root and the number of its start. One that was
  // between fork and exec then does so a moment later.
  const { intent } = memory;
  for (let round = 0; round < (intent ? 2 : 1); round++) {
    if (round > 0) pause(50);
    const [first] = carriers()
      .filter((each) => !intent || each.number === intent.number)
      .sort((one, other) => Number(fieldsOf(one.pid)[19]) - Number(fieldsOf(other.pid)[19]));
    const identity = first && identify(first.pid);
    if (first && identity) {
      const startedAt = intent ? intent.startedAt : new Date().toISOString();
      const noted = { ...identity, number: first.number, startedAt, from: intent ? intent.from : 0 };
      Object.assign(memory, {
        live: noted,
        intent: null,
        startNumber: Math.max(first.number, memory.startNumber),
      });
      attempt(() => saveMemory(memory));
      return adopted(noted);
    }
  }
  return undefined;
}

/** @param {Noted} noted @returns {Live} */
function adopted(noted) {
  const ageMs = Math.max(0, Date.now() - Date.parse(noted.startedAt)) || 0;
  return { ...noted, since: performance.now() - ageMs, isChild: false, isEnding: false };
}

/** @param {Live} live @returns {Noted} */
function notedOf({ pid, start, number, startedAt, from }) {
  return { pid, start, number, startedAt, from };
}

/** Takes notice of a new .heartbeat, if it is that of this very live bot. @param {Live} live */
function readHeartbeat(live) {
  const found = fs.statSync(heartbeatPath, { throwIfNoEntry: false });
  const key = found && `${found.ino}:${found.mtimeMs}`;
  if (!key || key === live.beatKey) return;
  live.beatKey = key;
  const { pid, state, busy, discord } = readJson(heartbeatPath) || {};
  if (!Number.isInteger(pid) || (pid !== live.pid && groupOf(pid) !== live.pid)) return;
  // When it was seen counts, so that neither a clock that is set nor a machine that sleeps looks like a bot that hangs.
  live.beat = { state: String(state), busy: Number(busy) || 0, discord, seenAt: performance.now() };
}

/** @param {Watch} w @param {Live} live @param {string} url */
function askUrl(w, live, url) {
  if (w.live !== live || live.answered) return;
  const again = () => setTimeout(() => askUrl(w, live, url), Math.max(50, times.pollMs));
  try {
    const request = (url.startsWith('https:') ? https : http).get(url, { timeout: 2000 }, (response) => {
      response.resume();
      const status = response.statusCode || 0;
      if (status >= 200 && status < 300) live.answered = true;
      else again();
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', again);
  } catch {
    // Not an address at all: it is never ready, and the reason names the address.
  }
}

// ---------------------------------------------------------------------------------------------------------------
// Releases: backups/<name>/ with release.json, next/ and previous/. Only renames, each of which may be done again.

/** Begins what the marker asks for. Until `accepted` nothing of live has been touched. @param {Watch} w */
function accept(w) {
  const work = /** @type {Work} */ (w.work);
  const release = workRelease(w);
  if (readMarker() !== work.text) return dispatch(w, 'withdrawn');
  const problem = release ? (work.isRollback ? undefined : obstacle(release)) : 'its release.json is gone';
  if (release && !problem) {
    w.memory.trial = work.isRollback
      ? null
      : {
          release: release.name,
          starts: 0,
          ends: [],
          needsDiscord: Boolean(w.live?.beat && w.live.beat.discord === 'ready'),
          journal: essenceOf(release.journal),
        };
    try {
      saveMemory(w.memory);
      disk.rename(deployReady, deployInProgress);
      syncFolder(root);
      if (readMarker(deployInProgress) !== work.text)
        throw new Error('somebody replaced .deploy-ready at this very moment');
      if (!work.isRollback) {
        putSpaceAside(release);
        setState(release, 'switching', null);
      }
      say(`${release.journal.version}: ${work.isRollback ? 'rolling back' : 'switching'}`);
      return dispatch(w, 'accepted');
    } catch (error) {
      if (exists(deployInProgress)) attempt(() => disk.rename(deployInProgress, deployReady));
      if (release.journal.state === 'switching') attempt(() => setState(release, 'staged', null));
      attempt(() => releaseSpace(release));
      return decline(w, release, messageOf(error));
    }
  }
  decline(w, release, problem || '');
}

/** What is needed of a journal to go back without it. @param {Journal} journal @returns {Journal} */
function essenceOf({ version, createdAt, state, stateAt, detail, hash, entries, watchdog, live }) {
  return { version, createdAt, state, stateAt, detail, hash, entries, watchdog, live };
}

/** A journal that a torn disk or a bad release has spoilt is written again from what was remembered of it. */
/** @param {Memory} memory */
function mendJournal({ trial }) {
  if (!trial?.journal || readRelease(trial.release)) return;
  const folder = path.join(backups, trial.release);
  if (!exists(folder)) return;
  say(`the journal of ${trial.journal.version} could not be read; it is written again`);
  const release = { name: trial.release, folder, journal: trial.journal };
  setState(release, trial.starts === 0 ? 'switching' : 'trial', null);
}

/** @param {Watch} w @param {Release | undefined} release @param {string} reason */
function decline(w, release, reason) {
  w.work = undefined;
  w.memory.trial = null;
  if (w.isApplying) w.exitCode = 1;
  if (release) attempt(() => setState(release, 'failed', notSwitched + reason));
  if (release) attempt(() => writeReverted(release, notSwitched + reason, 'reverted', []));
  attempt(() => dropMarker(w, reason));
  dispatch(w, 'withdrawn');
}

/** Why a release cannot be switched to, as far as looking tells. @param {Release} release */
function obstacle({ folder, journal }) {
  if (journal.state !== 'staged') return `it is ${journal.state} and not staged`;
  for (const { path: name, live, next } of journal.entries) {
    if (next && !exists(path.join(folder, 'next', name))) return `its next/ lacks ${name}`;
    if (live !== exists(path.join(root, name))) {
      return `${name} ${live ? 'is gone' : 'appeared'} in live since it was staged; promote again`;
    }
    const data = path.join(name, 'data');
    if (/^skills\/[^/]+$/.test(name) && live && exists(path.join(root, data)))
      return `${data} appeared in live since it was staged; promote again`;
  }
  return undefined;
}

/** @param {Watch} w */
function moveIn(w) {
  const release = /** @type {Release} */ (workRelease(w));
  const { folder, journal } = release;
  for (const { path: name, live, next } of journal.entries) {
    const [own, candidate, kept] = placesOf(folder, name);
    if (live && !exists(kept)) move(own, kept);
    if (next && exists(candidate)) {
      setAside(release, own, name);
      move(candidate, own);
    }
  }
  syncMoves(release);
  setState(release, 'trial', null);
  dispatch(w, 'moved');
}

/** Why a release is taken back, on disk before anything moves. @param {Watch} w @param {{reason?: string}} info */
function condemn(w, { reason = 'unknown' }) {
  const release = workRelease(w);
  w.reason = w.reason || reason;
  if (!release || w.work?.isRollback || release.journal.state === 'reverting') return;
  say(`${release.journal.version} is taken back: ${w.reason}`);
  w.log.flush(w.live);
  attempt(() =>
    disk.write(path.join(release.folder, 'live.log'), lastLines(200, w.memory.trial?.from).join('\n')),
  );
  setState(release, 'reverting', w.reason);
}

/** @param {Watch} w */
function moveBack(w) {
  const work = /** @type {Work} */ (w.work);
  mendJournal(w.memory);
  for (const name of work.list) {
    const release = readRelease(name);
    if (!release)
      throw new Error(`backups/${name}/release.json cannot be read, so nothing is known of what moved`);
    if (release.journal.state === 'trial' || release.journal.state === 'switching')
      setState(release, 'reverting', w.reason);
    if (['reverting', 'good'].includes(release.journal.state)) moveOneBack(w, work, release);
  }
  Object.assign(w.memory, { trial: null, ends: [], isExhausted: false });
  saveMemory(w.memory);
  for (const name of work.list) releaseSpace({ folder: path.join(backups, name) });
  disk.remove(deployInProgress, { force: true });
  say(`${presentVersion()} is back`);
  Object.assign(w, { work: undefined, reason: null, waitMs: times.firstRestartMs });
  if (w.isApplying && !work.isRollback) w.exitCode = 1;
  dispatch(w, 'back');
}

/** @param {Watch} w @param {Work} work @param {Release} release */
function moveOneBack(w, work, release) {
  const { folder, journal } = release;
  const reason = work.isRollback
    ? work.because || 'rolled back by hand'
    : w.reason || journal.detail || 'unknown';
  const isFault = work.because !== null || (!work.isRollback && !reason.startsWith(notSwitched));
  if (work.isRollback && journal.state !== 'reverting') {
    attempt(() => disk.write(path.join(folder, 'live.log'), lastLines(200).join('\n')));
    setState(release, 'reverting', reason);
  }
  for (const entry of [...journal.entries].reverse()) moveEntryBack(release, entry, work.isRollback);
  syncMoves(release);
  if (isFault && !w.memory.bad.includes(journal.hash)) {
    w.memory.bad = [...w.memory.bad, journal.hash].slice(-50);
    saveMemory(w.memory);
  }
  if (isFault || !work.isRollback) {
    const log = attempt(() => fs.readFileSync(path.join(folder, 'live.log'), 'utf8')) || '';
    writeReverted(release, reason, 'reverted', log.split('\n').slice(-50));
  }
  setState(release, reason.startsWith(notSwitched) ? 'failed' : 'reverted', reason);
}

/** @param {Release} release @param {Entry} entry @param {boolean} wasGood */
function moveEntryBack(release, { path: name, live, next }, wasGood) {
  const [own, candidate, kept] = placesOf(release.folder, name);
  const isMovedIn = live ? exists(kept) : next && !exists(candidate);
  if (isMovedIn) {
    // What stands there although the release removed it, or moved on already, somebody has made meanwhile.
    if (exists(own) && next && !exists(candidate)) move(own, candidate);
    else setAside(release, own, name);
    if (live) move(kept, own);
  }
  // Data that a skill gathered while the release was good stays with the instance.
  const data = path.join(candidate, 'data');
  if (wasGood && /^skills\/[^/]+$/.test(name) && exists(data) && !exists(path.join(own, 'data')))
    move(data, path.join(own, 'data'));
  for (let left = path.dirname(own); left !== root && exists(left) && fs.readdirSync(left).length === 0; ) {
    disk.removeFolder(left);
    left = path.dirname(left);
  }
}

/** Everything that makes a release good. May be done again. @param {Watch} w */
function settle(w) {
  const release = /** @type {Release} */ (workRelease(w));
  try {
    setState(release, 'good', null);
    w.settings = w.memory.settings = readSettings(w.settings, true);
    finishGood(w.memory, release);
  } catch (error) {
    w.notBefore = performance.now() + 5000;
    return say(`${release.journal.version} works, but that cannot be noted yet: ${messageOf(error)}`);
  }
  say(`${release.journal.version} is good`);
  Object.assign(w, { work: undefined, waitMs: times.firstRestartMs, wasUp: true });
  dispatch(w, 'settled');
  attempt(() => prune(w));
  tryWatchdog(w, release);
}

/** @param {Memory} memory @param {Release} release */
function finishGood(memory, release) {
  Object.assign(memory, { trial: null, ends: [], isExhausted: false });
  saveMemory(memory);
  disk.remove(deployReverted, { force: true });
  releaseSpace(release);
  disk.remove(deployInProgress, { force: true });
}

/** What was cut off when the last watchdog ended, as the event that `booting` goes on with. @param {Memory} memory */
function survey(memory) {
  /** @type {{event: string, work: Work | undefined, reason: string | null}} */
  const found = { event: 'in order', work: undefined, reason: null };
  attempt(() => mendJournal(memory));
  const active = allReleases().find(({ journal }) =>
    ['switching', 'trial', 'reverting'].includes(journal.state),
  );
  const marker = exists(deployInProgress)
    ? parseLoosely(attempt(() => fs.readFileSync(deployInProgress, 'utf8')) || '')
    : undefined;
  // What has begun to move comes before what somebody wishes.
  const isWish = !active || (Array.isArray(marker?.rollback) && marker.rollback.includes(active.name));
  if (marker && marker.action === 'rollback' && Array.isArray(marker.rollback) && isWish) {
    const list = marker.rollback.filter((name) => {
      const release = readRelease(name);
      return release && ['good', 'reverting'].includes(release.journal.state);
    });
    const because = typeof marker.because === 'string' ? marker.because : null;
    if (list.length > 0)
      return { event: 'in reverting', work: { list, isRollback: true, because }, reason: because };
  }
  if (active) {
    found.event = `in ${active.journal.state}`;
    found.work = { list: [active.name], isRollback: false, because: null };
    found.reason = active.journal.detail;
    if (!memory.trial || memory.trial.release !== active.name)
      memory.trial = { release: active.name, starts: 0, needsDiscord: false, ends: [] };
  } else if (marker) {
    const release = readRelease(String(marker.release)) || allReleases().pop();
    if (release && release.journal.state === 'good') finishGood(memory, release);
    else if (release && release.journal.state === 'staged' && !exists(deployReady))
      disk.rename(deployInProgress, deployReady);
    else disk.remove(deployInProgress, { force: true });
  }
  return found;
}

/** What a marker asks for, or why that cannot be. @param {Record<string, any>} marker @returns {Work | string} */
function readWork(marker) {
  if (marker.action === 'rollback') {
    const good = goodReleases().map(({ name }) => name);
    const list = Array.isArray(marker.rollback) ? marker.rollback : good.slice(0, 1);
    if (list.length === 0) return 'there is no release to roll back';
    if (list.some((name, index) => name !== good[index]))
      return `${list.join(', ')} is not what was promoted last`;
    return { list, isRollback: true, because: null };
  }
  const staged = allReleases().filter(({ journal }) => journal.state === 'staged');
  const release = marker.release === undefined ? staged.pop() : readRelease(String(marker.release));
  if (!release)
    return marker.release === undefined ? 'no release is staged' : `there is no release ${marker.release}`;
  if (release.journal.state !== 'staged') return `${release.name} is not staged but ${release.journal.state}`;
  return { list: [release.name], isRollback: false, because: null };
}

/** The releases to take back, newest first, so that one remains that has not failed itself; none when there is none. @param {Memory} memory */
function wayBack({ bad }) {
  const good = goodReleases();
  const target = good.findIndex(({ journal }, index) => index > 0 && !bad.includes(journal.hash));
  return good.slice(0, target < 0 ? good.length : target).map(({ name }) => name);
}

/** Newest first: what live was made of, one upon the other. */
function goodReleases() {
  return allReleases()
    .filter(({ journal }) => journal.state === 'good')
    .sort((one, other) => (one.journal.stateAt < other.journal.stateAt ? 1 : -1));
}

/** By the moment of their making, oldest first. */
function allReleases() {
  const names = attempt(() => fs.readdirSync(backups), true) || [];
  return /** @type {Release[]} */ (names.map(readRelease).filter(Boolean)).sort((one, other) =>
    one.journal.createdAt < other.journal.createdAt ? -1 : 1,
  );
}

/** @param {string} name @returns {Release | undefined} */
function readRelease(name) {
  if (typeof name !== 'string' || !/^[^./][^/]*$/.test(name)) return undefined;
  const folder = path.join(backups, name);
  const journal = readJson(path.join(folder, 'release.json'));
  const isUsable =
    journal &&
    typeof journal.state === 'string' &&
    Array.isArray(journal.entries) &&
    journal.entries.every((/** @type {Entry} */ entry) =>
      /^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[^\0]+$/.test(String(entry?.path)),
    );
  return isUsable ? { name, folder, journal } : undefined;
}

/** @param {Watch} w */
function workRelease(w) {
  return w.work && w.work.list[0] !== undefined ? readRelease(w.work.list[0]) : undefined;
}

/** @param {Watch} w */
function versionOf(w) {
  const release = workRelease(w);
  return release ? release.journal.version : presentVersion();
}

/** What live is made of now, or tries to be. */
function presentVersion() {
  const tried = allReleases().find(({ journal }) => journal.state === 'trial');
  const [newest] = goodReleases();
  const release = tried || newest;
  return release ? release.journal.version : 'v1.0';
}

/** @param {Release} release @param {string} state @param {string | null} detail */
function setState(release, state, detail) {
  const [newest] = state === 'good' ? goodReleases() : [];
  // The order of good releases is read from this, so a clock that was set back must not disturb it.
  const earliest = newest && newest.name !== release.name ? Date.parse(newest.journal.stateAt) + 1 : 0;
  const stateAt = new Date(Math.max(Date.now(), earliest || 0)).toISOString();
  const journal = { ...release.journal, state, stateAt, detail };
  replaceFile(path.join(release.folder, 'release.json'), `${JSON.stringify(journal, null, 2)}\n`);
  release.journal = journal;
}

/** @param {Release} release @param {string} reason @param {'reverted' | 'inconsistent' | 'watchdog-refused'} state @param {string[]} lines */
function writeReverted({ name, folder, journal }, reason, state, lines) {
  const { version, hash } = journal;
  const written = parseLoosely(attempt(() => fs.readFileSync(deployReverted, 'utf8'), true) || '');
  if (written.release === name && written.state === state && written.reason === reason) return;
  const at = new Date().toISOString();
  const text = JSON.stringify({ release: name, version, reason, at, lines, state, hash }, null, 2);
  try {
    replaceFile(deployReverted, `${text}\n`);
  } catch (error) {
    if (lines.length === 0) throw error;
    // On a full disk the newest lines have to do.
    writeReverted({ name, folder, journal }, reason, state, lines.slice(Math.ceil(lines.length / 2)));
  }
}

/** @param {Watch} w @param {string} problem */
function sayInconsistent(w, problem) {
  const release = workRelease(w);
  const message = `inconsistent: ${versionOf(w)} could not be taken back (${problem}); it is tried until it works`;
  say(message);
  if (release)
    attempt(() =>
      writeReverted(release, `${w.reason || 'rolled back'}; ${message}`, 'inconsistent', lastLines(50)),
    );
}

/** Removes what is beyond `keep`, but neither what runs nor what it came from. @param {Watch} w */
function prune(w) {
  const all = allReleases().sort((one, other) => (one.journal.stateAt < other.journal.stateAt ? 1 : -1));
  const needed = new Set(
    [...goodReleases().slice(0, 2), ...all.slice(0, w.settings.releases.keep)].map(({ name }) => name),
  );
  for (const { name, folder } of all) {
    if (!needed.has(name)) disk.rename(folder, path.join(backups, `.pruning-${name}`));
  }
  for (const name of fs.readdirSync(backups)) {
    if (name.startsWith('.pruning-')) disk.remove(path.join(backups, name), { recursive: true, force: true });
  }
}

/** @param {string} folder @param {string} name @returns {[string, string, string]} in live, in next/, in previous/ */
function placesOf(folder, name) {
  return [path.join(root, name), path.join(folder, 'next', name), path.join(folder, 'previous', name)];
}

/** A rename, with the folder that it needs. @param {string} from @param {string} to */
function move(from, to) {
  if (!exists(path.dirname(to))) disk.mkdir(path.dirname(to), { recursive: true });
  disk.rename(from, to);
}

/** Something that nobody of us put there is kept, but out of the way. @param {Release} release @param {string} place @param {string} name */
function setAside({ folder }, place, name) {
  if (!exists(place)) return;
  const aside = path.join(folder, 'stray', `${Date.now()}`, name);
  say(`${name} is in the way; it is kept as ${path.relative(root, aside)}`);
  move(place, aside);
}

/** Renames are on the disk when the folders that they touched are. @param {Release} release */
function syncMoves({ folder, journal }) {
  const parents = [root, folder];
  for (const { path: name } of journal.entries)
    parents.push(...placesOf(folder, name).map((place) => path.dirname(place)));
  for (const parent of new Set(parents)) syncFolder(parent);
}

/** What going back must be able to write, also on a disk that is full by then. @param {{folder: string}} release */
function filesOfGoingBack({ folder }) {
  return [memoryPath, `${memoryPath}.2`, path.join(folder, 'release.json'), deployReverted];
}

/** Each of them gets blocks of its own, which `replaceFile` never lets go while the switch lasts. @param {Release} release */
function putSpaceAside(release) {
  for (const file of filesOfGoingBack(release))
    disk.write(`${file}.new`, Buffer.alloc(2 * sizeOf(file) + 8192, ' '), { flush: true });
}

/** @param {{folder: string}} release */
function releaseSpace(release) {
  for (const file of filesOfGoingBack(release)) {
    disk.remove(`${file}.new`, { force: true });
    const text = attempt(() => fs.readFileSync(file, 'utf8'), true) || '';
    if (text.endsWith(' ')) attempt(() => replaceFile(file, `${text.trimEnd()}\n`), true);
  }
}

// ---------------------------------------------------------------------------------------------------------------
// A release's own watchdog.js: it proves itself beside this one, takes over, and only then moves into place.

/** Also at the next start, where it was cut off. @param {Watch} w @param {Release} release */
function tryWatchdog(w, release) {
  if (release.journal.watchdog !== 'pending') return;
  w.isInstalling = true;
  installWatchdog(w, release)
    .catch((error) => say(`watchdog.js of ${release.journal.version}: ${messageOf(error)}`))
    .finally(() => Object.assign(w, { isInstalling: false }));
}

/** @param {Watch} w @param {Release} release */
async function installWatchdog(w, release) {
  const file = path.join(release.folder, 'next', 'watchdog.js');
  if (!exists(file)) return setWatchdog(release, 'installed', null);
  const answer = await ask(file);
  if (answer !== undefined) return refuseWatchdog(release, answer);
  if (w.isApplying) return placeWatchdog(release, file);
  const child = spawn(process.execPath, [file, '--takeover', '--root', root], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  w.heir = child;
  const problem = await handOver(w, child);
  if (problem === undefined) {
    attempt(() => placeWatchdog(release, file));
    say(`the watchdog of ${release.journal.version} took over with PID ${child.pid}`);
    return stayBehind(w, release, child);
  }
  child.kill('SIGKILL');
  resume(w);
  // That is no fault of the file: it stays pending, and is tried again at the next start or release.
  if (problem === later) return say(`watchdog.js of ${release.journal.version}: ${later}; tried again later`);
  refuseWatchdog(release, problem);
}

/** Why a watchdog.js does not work here; undefined when it does. @param {string} file @returns {Promise<string | undefined>} */
function ask(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, '--selftest', '--root', root], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (output = (output + text).slice(-2000)));
    const timer = setTimeout(() => child.kill('SIGKILL'), times.takeoverMs);
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => {
      clearTimeout(timer);
      const answer = parseLoosely(output.trim().split('\n').pop() || '');
      resolve(
        answer.ok === true
          ? undefined
          : `its self-test failed (${code === null ? 'no answer in time' : `exit code ${code}`}): ${output.trim().slice(-400)}`,
      );
    });
  });
}

/** Two messages each way: it says that it is prepared, gets the lock, and says that it watches. */
/** @param {Watch} w @param {import('node:child_process').ChildProcess} child @returns {Promise<string | undefined>} */
function handOver(w, child) {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => resolve(`it did not take over within ${times.takeoverMs / 1000} s`),
      times.takeoverMs,
    );
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code) => resolve(`it ended with exit code ${code} instead of taking over`));
    child.on('message', (message) => {
      if (message === 'prepared') {
        if (w.state !== 'running') return resolve(later);
        w.isFrozen = true;
        attempt(() => saveMemory(w.memory));
        disk.write(`${lockPath}.handed`, JSON.stringify(identify(child.pid || 0)));
        disk.rename(`${lockPath}.handed`, lockPath);
        child.send('yours');
      }
      const holder = readJson(lockPath);
      if (message === 'watching' && holder && holder.pid === child.pid) {
        clearTimeout(timer);
        resolve(undefined);
      }
    });
  });
}

/** @param {Watch} w */
function resume(w) {
  replaceFile(lockPath, JSON.stringify(identify(process.pid)));
  w.isFrozen = false;
  for (const event of w.missed.splice(0)) event();
}

/** @param {Release} release @param {string} file */
function placeWatchdog(release, file) {
  const kept = path.join(release.folder, 'previous', 'watchdog.js');
  const own = path.join(root, 'watchdog.js');
  disk.mkdir(path.dirname(kept), { recursive: true });
  // There is a watchdog.js in the root at every instant: the operating system may start it at any.
  if (!exists(kept) && exists(own)) disk.link(own, kept);
  disk.rename(file, own);
  syncMoves(release);
  setWatchdog(release, 'installed', null);
}

/** @param {Release} release @param {string} reason */
function refuseWatchdog(release, reason) {
  const message = `watchdog.js of ${release.journal.version} is refused, and the old one goes on: ${reason}`;
  say(message);
  setWatchdog(release, 'refused', message);
  writeReverted(release, message, 'watchdog-refused', []);
}

/** @param {Release} release @param {string} watchdog @param {string | null} detail */
function setWatchdog(release, watchdog, detail) {
  release.journal = { ...release.journal, watchdog };
  setState(release, release.journal.state, detail);
}

/** Whoever started this process waits for it, so it stays, passes signals on, and ends with its successor. */
/** @param {Watch} w @param {Release} release @param {import('node:child_process').ChildProcess} child */
function stayBehind(w, release, child) {
  close(w);
  const since = performance.now();
  const successor = () => {
    const holder = readJson(lockPath);
    return holder && isAlive(holder) ? holder : undefined;
  };
  // SIGABRT comes from a service manager that has heard nothing for too long.
  onSignals(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGABRT'], (signal) => {
    const holder = successor();
    if (holder) signalOne(holder.pid, signal);
  });
  // One that took over from another has nobody who waits for it.
  const isWaitedFor = !process.argv.includes('--takeover');
  const timer = setInterval(() => {
    const isProbation = performance.now() - since < times.probationMs;
    if (successor()) {
      if (!isWaitedFor && !isProbation) process.exit(0);
      return;
    }
    clearInterval(timer);
    if (!exists(lockPath)) process.exit(child.exitCode || 0);
    if (!isProbation) process.exit(1);
    takeBackWatchdog(
      release,
      `it ended by itself within ${Math.round(times.probationMs / 1000)} s of taking over`,
    );
  }, times.pollMs);
}

/** @param {Release} release @param {string} reason */
function takeBackWatchdog(release, reason) {
  const kept = path.join(release.folder, 'previous', 'watchdog.js');
  const own = path.join(root, 'watchdog.js');
  attempt(() => {
    disk.link(own, path.join(release.folder, 'next', 'watchdog.js'));
    disk.rename(kept, own);
  });
  refuseWatchdog(readRelease(release.name) || release, reason);
  disk.remove(lockPath, { force: true });
  takeLock(lockPath);
  const memory = readMemory();
  const work = survey(memory);
  run(createWatch(memory, work, false), work.event).then((code) => {
    disk.remove(lockPath, { force: true });
    process.exit(code);
  });
}

/** The new watchdog's half of the handover. */
async function takeOver() {
  const memory = readMemory();
  readSettings(memory.settings, true);
  const lock = new Promise((resolve, reject) => {
    process.once('message', resolve);
    process.once('disconnect', () => reject(new Refusal('the old watchdog ended while it handed over')));
    setTimeout(() => reject(new Refusal('the lock was not handed over')), times.takeoverMs).unref();
  });
  if (process.send) process.send('prepared');
  await lock;
  const holder = readJson(lockPath);
  if (!holder || holder.pid !== process.pid)
    throw new Refusal('--takeover is for a watchdog that another one starts');
  const now = readMemory();
  const work = survey(now);
  const w = createWatch(now, work, false);
  const code = run(w, work.event);
  // The exit code of a live bot that it has not started itself, only the old one hears.
  process.on('message', (/** @type {any} */ end) => {
    if (w.live && end.pid === w.live.pid) noteEnd(w, w.live, end.code, null);
  });
  if (process.send) process.send('watching');
  process.exitCode = await code;
  disk.remove(lockPath, { force: true });
  process.exit();
}

function testOneself() {
  for (const [, , when, , does] of table) {
    if (when && !guards[when]) throw new Refusal(`the table names a condition that does not exist: ${when}`);
    for (const name of (does || '').split(' ').filter(Boolean))
      if (!actions[name]) throw new Refusal(`the table names an action that does not exist: ${name}`);
  }
  readSettings(readMemory().settings, true);
  allReleases();
  console.log(JSON.stringify({ ok: true, format }));
}

function describeTable() {
  return table.map(([state, event, when, next, does]) => ({
    state,
    event,
    when,
    next,
    does: (does || '').split(' ').filter(Boolean),
  }));
}

// ---------------------------------------------------------------------------------------------------------------
// What is remembered, and the settings.

/** The newer of two copies that is whole. @returns {Memory} */
function readMemory() {
  /** @type {Memory} */
  const empty = {
    startNumber: 0,
    live: null,
    intent: null,
    bad: [],
    trial: null,
    ends: [],
    isExhausted: false,
    settings: null,
  };
  const copies = [memoryPath, `${memoryPath}.2`].map(readJson).filter((copy) => {
    return (
      copy && typeof copy.content === 'string' && copy.sum === sumOf(copy.content) && copy.format === format
    );
  });
  const [newest] = copies.sort((one, other) => other.sequence - one.sequence);
  return newest ? { ...empty, ...JSON.parse(newest.content), sequence: newest.sequence } : empty;
}

/** @param {Memory & {sequence?: number}} memory */
function saveMemory(memory) {
  memory.sequence = (memory.sequence || 0) + 1;
  const content = JSON.stringify(memory);
  const text = JSON.stringify({ format, sequence: memory.sequence, sum: sumOf(content), content });
  replaceFile(memoryPath, text);
  replaceFile(`${memoryPath}.2`, text);
}

/** @param {string} text */
function sumOf(text) {
  return crypto.createHash('sha256').update(text).digest('hex');
}

/** `live` and `releases` of config.json, or the last good ones. @param {Settings | null} last @param {boolean} isLenient @returns {Settings} */
function readSettings(last, isLenient) {
  let problem = '';
  try {
    return parseConfig(fs.readFileSync(path.join(root, 'config.json'), 'utf8'));
  } catch (error) {
    const isMissing = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
    if (isMissing && !last) return parseSettings({});
    problem = messageOf(error);
  }
  if (last || isLenient) {
    say(
      `config.json cannot be read: ${problem}; going on with ${last ? 'the last good settings' : 'the default settings'}`,
    );
    return last || parseSettings({});
  }
  const refusal = new Refusal(
    `config.json cannot be read: ${problem}\n-> Mend the file, then start again: npm start, or node watchdog.js. The place is shown by: npx understudy list`,
  );
  throw Object.assign(refusal, { exitCode: configurationExit });
}

/** The candidate's own settings, for its trial. @param {Watch} w @param {Release | undefined} release @returns {Settings} */
function trialSettings(w, release) {
  const { releases } = w.settings;
  if (!release?.journal.live) return { ...readSettings(w.settings, true), releases };
  return attempt(() => parseSettings({ live: release.journal.live, releases })) || w.settings;
}

/** @param {string} text */
function parseConfig(text) {
  return parseSettings(JSON.parse(text.replace(/^\uFEFF/, '')));
}

/** @param {any} config @returns {Settings} */
function parseSettings(config) {
  const live = {
    command: ['node', '--import', 'tsx', 'src/index.ts'],
    ready: { heartbeat: true },
    readySeconds: 60,
    trialSeconds: 30,
    ...config?.live,
  };
  const releases = { keep: 10, idleDeadlineSeconds: 600, ...config?.releases };
  const { command, ready, readySeconds, trialSeconds } = live;
  const demand = (/** @type {boolean} */ holds, /** @type {string} */ rule) => {
    if (!holds) throw new Error(rule);
  };
  demand(config && typeof config === 'object', 'it must hold an object');
  demand(
    Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string'),
    'live.command must be a list of words',
  );
  demand(
    ready && typeof ready === 'object' && Object.keys(ready).length === 1,
    'live.ready must have exactly one of heartbeat, pattern, url, uptimeSeconds',
  );
  for (const [name, value] of Object.entries({ readySeconds, trialSeconds, keep: releases.keep }))
    demand(typeof value === 'number' && value > 0, `${name} must be a number above 0`);
  demand(
    typeof releases.idleDeadlineSeconds === 'number' && releases.idleDeadlineSeconds >= 0,
    'releases.idleDeadlineSeconds must be a number',
  );
  demand(
    !(ready.uptimeSeconds >= readySeconds),
    'live.readySeconds must be longer than live.ready.uptimeSeconds',
  );
  return {
    live: { command, ready, readySeconds, trialSeconds },
    releases: { keep: releases.keep, idleDeadlineSeconds: releases.idleDeadlineSeconds },
  };
}

// ---------------------------------------------------------------------------------------------------------------
// Live's log: shown, searched, and kept small. How offsets survive trimming is told in
// skills/process-manager/output/log-state.ts, whose record beside the log is kept here in the same way.

/** Shows what live writes to its log, from now on, and searches it for the pattern of readiness. */
function followLog() {
  let offset = sizeOf(livePath);
  let unfinished = '';
  /** @type {{script: vm.Script, context: vm.Context} | undefined} */
  let search;
  const match = (/** @type {Live} */ live, /** @type {Buffer} */ bytes) => {
    const lines = (unfinished + bytes.toString()).split('\n').map((line) => line.slice(0, 16384));
    unfinished = lines.pop() || '';
    // In a context of its own it can be given a time: a pattern that takes for ever must not stop the watch.
    const { script, context } = /** @type {NonNullable<typeof search>} */ (search);
    context.lines = lines;
    live.matched = live.matched || Boolean(attempt(() => script.runInContext(context, { timeout: 500 })));
  };
  return {
    /** @param {Live | undefined} live */
    flush: (live) => {
      const size = sizeOf(livePath);
      if (size < offset) offset = 0;
      // A flood is not shown whole: the terminal, and this process, would drown in it.
      const most = 2 * 1024 * 1024;
      if (size - offset > most) offset = size - most;
      if (size === offset) return;
      const bytes = readPart(livePath, offset, size - offset);
      offset += bytes.length;
      if (process.stdout.writableLength < most) process.stdout.write(bytes.subarray(-65536));
      if (search && live && !live.matched) match(live, bytes);
    },
    /** Keeps the log small. @param {Live | undefined} live */
    bound: (live) => {
      if (sizeOf(livePath) > logLimit) offset = Math.max(0, offset - trimLive(live));
    },
    /** @param {string | undefined} pattern @param {number} from */
    search: (pattern, from) => {
      const context = vm.createContext({ pattern, lines: [] });
      search =
        pattern === undefined
          ? undefined
          : { context, script: new vm.Script('lines.some((line) => new RegExp(pattern).test(line))') };
      unfinished = '';
      if (search) offset = Math.min(sizeOf(livePath), Math.max(0, from - readRecord().removed));
    },
    /** Where the next byte comes, counting those that were trimmed away. */
    end: () => readRecord().removed + sizeOf(livePath),
  };
}

/** @typedef {{file: string, removed: number, startsWhole: boolean, pending?: any}} TrimRecord what <log>.trimmed holds */

/** Keeps the newest half; the number of bytes removed. @param {Live | undefined} live */
function trimLive(live) {
  repairTrim(live);
  const fd = fs.openSync(livePath, 'r+');
  try {
    const cut = fs.fstatSync(fd).size - logLimit / 2;
    const { bsize } = process.platform === 'linux' ? fs.statfsSync(livePath) : { bsize: 0 };
    const blocks = bsize > 0 ? Math.floor(cut / bsize) * bsize : 0;
    if (blocks > 0 && collapse(fd, blocks)) return blocks;
    return copyDown(fd, cut, live);
  } finally {
    fs.closeSync(fd);
  }
}

/** The kernel drops whole blocks from the front between two writes; true when it did. @param {number} fd @param {number} cut */
function collapse(fd, cut) {
  const head = Buffer.alloc(markBytes);
  fs.readSync(fd, head, 0, markBytes, 0);
  const mark = crypto.randomBytes(markBytes).toString('hex');
  const pending = {
    method: 'collapse',
    phase: 'marking',
    cut,
    startsWhole: endsLine(fd, cut),
    mark,
    head: head.toString('hex'),
  };
  writeRecord({ ...readRecord(), pending });
  disk.writeAt(fd, Buffer.from(mark, 'hex'), 0, markBytes, 0);
  fs.fsyncSync(fd);
  writeRecord({ ...readRecord(), pending: { ...pending, phase: 'collapsing' } });
  countStep('fallocate');
  spawnSync('fallocate', ['--collapse-range', '--offset', '0', '--length', String(cut), livePath]);
  return endCollapse(fd);
}

/** The mark at the front says whether it has happened. @param {number} fd */
function endCollapse(fd) {
  const { pending, ...record } = readRecord();
  const hasHappened = pending.phase === 'collapsing' && !hasMark(fd, 0, pending.mark);
  if (hasHappened) {
    writeRecord({ ...record, removed: record.removed + pending.cut, startsWhole: pending.startsWhole });
    return true;
  }
  writeRecord({ ...record, pending: { ...pending, phase: 'marking' } });
  disk.writeAt(fd, Buffer.from(pending.head, 'hex'), 0, markBytes, 0);
  writeRecord(record);
  return false;
}

/** Where the file system cannot: live stands still for the moment that copying the kept half takes. */
/** @param {number} fd @param {number} cut @param {Live | undefined} live */
function copyDown(fd, cut, live) {
  const mark = crypto.randomBytes(markBytes).toString('hex');
  const pending = {
    method: 'copy',
    phase: 'pausing',
    cut,
    startsWhole: endsLine(fd, cut),
    mark,
    size: fs.fstatSync(fd).size,
  };
  writeRecord({ ...readRecord(), pending });
  holdStill(live);
  finishCopy(fd, { ...pending, size: fs.fstatSync(fd).size }, live);
  return cut;
}

/** Saves the kept half beside the log, puts it to the front, cuts the rest off, and lets live go on. */
/** @param {number} fd @param {any} start @param {Live | undefined} live */
function finishCopy(fd, start, live) {
  let pending = start;
  if (pending.phase !== 'truncating' || hasMark(fd, pending.size - pending.cut, pending.mark)) {
    // Somebody who was not held may have written meanwhile.
    for (let round = 0; round < 20; round++) {
      const saved =
        pending.phase === 'pausing' || !exists(`${livePath}.tail`)
          ? Buffer.alloc(0)
          : fs.readFileSync(`${livePath}.tail`);
      const size = fs.fstatSync(fd).size;
      const known = pending.cut + saved.length;
      const kept = Buffer.concat([saved, readPart(livePath, known, size - known)]);
      disk.write(`${livePath}.tail`, kept, { flush: true });
      pending = { ...pending, phase: 'copying', size };
      writeRecord({ ...readRecord(), pending });
      disk.writeAt(fd, kept, 0, kept.length, 0);
      disk.writeAt(fd, Buffer.from(pending.mark, 'hex'), 0, markBytes, kept.length);
      fs.fsyncSync(fd);
      if (fs.fstatSync(fd).size === size) break;
    }
    pending = { ...pending, phase: 'truncating' };
    writeRecord({ ...readRecord(), pending });
    disk.truncate(fd, pending.size - pending.cut);
  }
  const { file, removed } = readRecord();
  const record = { file, removed: removed + pending.cut, startsWhole: pending.startsWhole };
  // As long as this says so, live may stand still.
  writeRecord({ ...record, pending: { ...pending, phase: 'resuming' } });
  if (live) signalGroup(live, 'SIGCONT');
  writeRecord(record);
  disk.remove(`${livePath}.tail`, { force: true });
}

/** Ends a trim that was cut off, and lets live go on that was held for it. @param {Live | undefined} live */
function repairTrim(live) {
  const { pending, ...record } = exists(livePath) ? readRecord() : /** @type {TrimRecord} */ ({});
  if (!pending) return;
  const fd = fs.openSync(livePath, 'r+');
  try {
    if (pending.method === 'collapse') {
      endCollapse(fd);
    } else if (pending.phase === 'copying' || pending.phase === 'truncating') {
      holdStill(live);
      finishCopy(fd, pending, live);
    } else {
      if (live) signalGroup(live, 'SIGCONT');
      writeRecord(record);
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** Stops live's group, and returns when each of it stands still. @param {Live | undefined} live */
function holdStill(live) {
  if (!live || live.isEnding) return;
  signalGroup(live, 'SIGSTOP');
  for (
    let round = 0;
    round < 200 && groupMembers(live).some((pid) => !/^[TtZX]/.test(fieldsOf(pid)[0] || 'X'));
    round++
  )
    pause(1);
}

/** @returns {TrimRecord} */
function readRecord() {
  const found = attempt(() => fs.statSync(livePath, { bigint: true }), true);
  const file = found ? `${found.ino}:${found.birthtimeNs}` : '';
  const record = readJson(`${livePath}.trimmed`);
  return record && record.file === file ? record : { file, removed: 0, startsWhole: true };
}

/** @param {TrimRecord} record */
function writeRecord(record) {
  replaceFile(`${livePath}.trimmed`, `${JSON.stringify(record)}\n`);
}

/** @param {number} fd @param {number} position @param {string} mark */
function hasMark(fd, position, mark) {
  const bytes = Buffer.alloc(markBytes);
  return fs.readSync(fd, bytes, 0, markBytes, position) === markBytes && bytes.toString('hex') === mark;
}

/** @param {number} fd @param {number} position */
function endsLine(fd, position) {
  const byte = Buffer.alloc(1);
  return fs.readSync(fd, byte, 0, 1, position - 1) === 1 && byte[0] === 10;
}

/** The last lines of live's log, each of a length that a person can look at. @param {number} count */
function lastLines(count, since = 0) {
  const size = sizeOf(livePath);
  const begun = Math.max(0, since - readRecord().removed);
  const from = Math.max(begun, size - 262144);
  const lines = readPart(livePath, from, size - from)
    .toString()
    .replace(/\n$/, '')
    .split('\n');
  return lines
    .slice(from > begun ? 1 : 0)
    .slice(-count)
    .map((line) => line.slice(0, 2000));
}

/** @param {string} file @param {number} from @param {number} length */
function readPart(file, from, length) {
  const bytes = Buffer.alloc(Math.max(0, length));
  if (length <= 0) return bytes;
  const fd = fs.openSync(file, 'r');
  try {
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, from));
  } finally {
    fs.closeSync(fd);
  }
}

// ---------------------------------------------------------------------------------------------------------------
// Packages, lock, processes, files.

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
    const count = (attempt(() => fs.readdirSync(path.join(root, 'node_modules')), true) || []).length;
    say(`still installing, ${Math.round((Date.now() - startedAt) / 1000)} s: ${count} packages so far`);
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

/**
 * One watchdog for each root. A lock is linked into place, which fails when there is one. The lock of a dead holder
 * is replaced while holding a second lock, so that of two watchdogs that see it dead only one takes its place.
 * @param {string} file
 */
function takeLock(file) {
  const temporary = `${file}.${process.pid}`;
  try {
    writeIdentity(temporary, file);
    try {
      disk.link(temporary, file);
      return;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    refuseLivingHolder(file);
    takeLock(`${file}.next`);
    try {
      refuseLivingHolder(file);
      disk.rename(temporary, file);
    } finally {
      disk.remove(`${file}.next`, { force: true });
    }
  } finally {
    disk.remove(temporary, { force: true });
    for (const left of unfinishedLocks()) disk.remove(left, { force: true });
  }
}

/** Of watchdogs that died while they took one. */
function unfinishedLocks() {
  return fs.readdirSync(root).flatMap((name) => {
    const [, pid] = /^\.watchdog\.lock\.(?:next\.)?(\d+)$/.exec(name) || [];
    return pid && startOf(Number(pid)) === undefined ? [path.join(root, name)] : [];
  });
}

/** On a full disk the blocks of a dead holder's lock have to do. @param {string} temporary @param {string} file */
function writeIdentity(temporary, file) {
  const text = JSON.stringify(identify(process.pid));
  try {
    return disk.write(temporary, text);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOSPC') throw error;
  }
  const dead = [file, ...unfinishedLocks()].find(exists);
  if (!dead)
    throw new Refusal(`The disk of ${root} is full.\n-> Make room, a few KB are enough, and start again.`);
  refuseLivingHolder(dead);
  disk.rename(dead, temporary);
  try {
    refuseLivingHolder(temporary);
  } catch (error) {
    // Somebody else was faster, and what was taken is the lock of a living one.
    attempt(() => disk.link(temporary, file), true);
    throw error;
  }
  writeInPlace(temporary, Buffer.from(text.padEnd(sizeOf(temporary))));
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
  const fields = fieldsOf(pid);
  if (fields[0] === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
}

/** Of /proc/PID/stat from the state on: state, parent, group, ... start time at 19. @param {number} pid @returns {string[]} */
function fieldsOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Every living process: PID, group, and the mark of a live bot in its environment. */
function processes() {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-AEww', '-o', 'pid=,pgid=,state=,command='], { encoding: 'utf8' });
    return (stdout || '').split('\n').flatMap((text) => {
      const [, pid, group, state, rest] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(text) || [];
      const [, mark = ''] = / UNDERSTUDY_LIVE=(.*?:\d+)( |$)/.exec(rest || '') || [];
      return pid && !String(state).startsWith('Z') ? [{ pid: Number(pid), group: Number(group), mark }] : [];
    });
  }
  return fs.readdirSync('/proc').flatMap((name) => {
    const [state, , group] = /^\d+$/.test(name) ? fieldsOf(Number(name)) : [];
    if (state === undefined || state === 'Z' || state === 'X') return [];
    let mark = '';
    try {
      [, mark = ''] =
        /(?:^|\0)UNDERSTUDY_LIVE=([^\0]*)/.exec(fs.readFileSync(`/proc/${name}/environ`, 'utf8')) || [];
    } catch {
      // It has ended meanwhile, or belongs to another user: not one of ours.
    }
    return [{ pid: Number(name), group: Number(group), mark }];
  });
}

/** What still runs of a live bot's process group. @param {Live} live */
function groupMembers({ pid: group, number }) {
  const own = processes().filter((each) => each.group === group && each.mark === `${root}:${number}`);
  return own.map(({ pid }) => pid);
}

/** Live bots of this root, known by their environment: the first of each start leads its process group. */
function carriers() {
  return processes().flatMap(({ pid, group, mark }) => {
    const [, number] = mark.startsWith(`${root}:`) ? /^(\d+)$/.exec(mark.slice(root.length + 1)) || [] : [];
    return pid === group && pid !== process.pid && number ? [{ pid, number: Number(number) }] : [];
  });
}

/** @param {number} pid */
function groupOf(pid) {
  if (process.platform === 'linux') return Number(fieldsOf(pid)[2]);
  return Number(spawnSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' }).stdout);
}

/**
 * Every change of a file that this program makes goes through here. A test counts them, and has this process killed
 * right before any one of them: UNDERSTUDY_TEST_KILL_AT=7; UNDERSTUDY_TEST_STEPS=FILE lists them.
 */
const disk = {
  append: counted('append', fs.appendFileSync),
  link: counted('link', fs.linkSync),
  mkdir: counted('mkdir', fs.mkdirSync),
  remove: counted('remove', fs.rmSync),
  removeFolder: counted('rmdir', fs.rmdirSync),
  rename: counted('rename', fs.renameSync),
  truncate: counted('truncate', fs.ftruncateSync),
  write: counted('write', fs.writeFileSync),
  writeAt: counted('write at', fs.writeSync),
};

/** @template {(...values: any[]) => any} Act @param {string} name @param {Act} act @returns {Act} */
function counted(name, act) {
  return /** @type {Act} */ (
    (...values) => {
      countStep(
        `${name} ${values
          .filter((value) => typeof value === 'string')
          .slice(0, 2)
          .join(' ')}`,
      );
      return act(...values);
    }
  );
}

/** @param {string} name */
function countStep(name) {
  const { UNDERSTUDY_TEST_KILL_AT: last, UNDERSTUDY_TEST_STEPS: list } = process.env;
  if (list !== undefined) fs.appendFileSync(list, `${name.replace(/\s+/g, ' ').slice(0, 200)}\n`);
  if (last === undefined) return;
  const left = Number(last) - 1;
  process.env.UNDERSTUDY_TEST_KILL_AT = String(left);
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

/**
 * Afterwards the old content or this one is on the disk, whatever happens. While a switch lasts, what was put aside is
 * written in place, filled up with blanks, and the old file's blocks are what is put aside from then on: nothing is
 * freed that somebody else could take. @param {string} file @param {string} content
 */
function replaceFile(file, content) {
  const [fresh, old] = [`${file}.new`, `${file}.old`];
  if (exists(old)) keepAside(old, fresh);
  const room = exists(deployInProgress) ? sizeOf(fresh) : 0;
  const text = Buffer.from(content);
  if (room >= text.length) {
    writeInPlace(fresh, Buffer.concat([text, Buffer.alloc(room - text.length, ' ')]));
    attempt(() => disk.link(file, old), true);
  } else
    try {
      disk.write(fresh, text, { flush: true });
    } catch (error) {
      attempt(() => disk.remove(fresh, { force: true }), true);
      throw error;
    }
  disk.rename(fresh, file);
  if (exists(old)) keepAside(old, fresh);
  syncFolder(path.dirname(file));
  const missing = exists(fresh) ? room - sizeOf(fresh) : 0;
  if (missing > 0) attempt(() => disk.append(fresh, ' '.repeat(missing), { flush: true }), true);
}

/** The old file is put aside; but where a kill came between, it may still be the file itself. @param {string} old @param {string} fresh */
function keepAside(old, fresh) {
  if (exists(fresh) || fs.lstatSync(old).nlink > 1) disk.remove(old);
  else disk.rename(old, fresh);
}

/** @param {string} file @param {Buffer} content */
function writeInPlace(file, content) {
  const fd = fs.openSync(file, 'r+');
  try {
    disk.writeAt(fd, content, 0, content.length, 0);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** @param {string} folder */
function syncFolder(folder) {
  if (process.platform === 'win32' || !exists(folder)) return;
  const fd = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** True of a broken link too. @param {string} place */
function exists(place) {
  return attempt(() => fs.lstatSync(place), true) !== undefined;
}

/** @param {string} file */
function sizeOf(file) {
  const found = attempt(() => fs.statSync(file), true);
  return found ? found.size : 0;
}

/** @param {string} file */
function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** What a script wrote, which may be anything. @param {string} text @returns {Record<string, any>} */
function parseLoosely(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' ? value : {};
  } catch {
    return {};
  }
}

/** When each was said last. @type {Map<string, number>} */
const complaints = new Map();

/** Something that may fail without harm; said, unless it is quiet. @template Result @param {() => Result} act @param {boolean} [isQuiet] @returns {Result | undefined} */
function attempt(act, isQuiet = false) {
  try {
    return act();
  } catch (error) {
    const message = messageOf(error);
    // What fails at every look is said now and then.
    const isNew = performance.now() - (complaints.get(message) || -Infinity) > 10000;
    if (!isQuiet && isNew) {
      complaints.set(message, performance.now());
      say(message);
    }
    return undefined;
  }
}

/** @param {number} ms */
function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {string} name @returns {string | undefined} */
function optionOf(name) {
  const index = process.argv.indexOf(name);
  return index < 0 ? undefined : process.argv[index + 1];
}

/** @param {string} name @param {number} usual */
function setting(name, usual) {
  const value = Number(process.env[`UNDERSTUDY_WATCHDOG_${name}`]);
  return value > 0 ? value : usual;
}

/** From now on they mean this. @param {NodeJS.Signals[]} names @param {(signal: NodeJS.Signals) => void} act */
function onSignals(names, act) {
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGABRT']) process.removeAllListeners(name);
  for (const name of names) process.on(name, () => act(name));
}

/** What a service manager was not told yet, and since when something is being told. */
const manager = { news: {}, isBeingTold: false, calmedAt: -Infinity };

/**
 * Tells it to systemd (Type=notify), or to whatever else has set NOTIFY_SOCKET. Node cannot speak to that socket, but
 * systemd-notify can: one at a time, for 5 s at most, and nobody waits for it. @param {Record<string, string>} news
 */
function tellManager(news) {
  if (!process.env.NOTIFY_SOCKET) return;
  Object.assign(manager.news, news);
  const words = Object.entries(manager.news).map(([name, value]) => `${name}=${value}`);
  // That it ends cannot wait: soon nobody is left to say it.
  if ((manager.isBeingTold && !news.STOPPING) || words.length === 0) return;
  const program = attempt(() =>
    spawn('systemd-notify', words, { stdio: 'ignore', timeout: 5000, killSignal: 'SIGKILL' }),
  );
  Object.assign(manager, { news: {}, isBeingTold: program !== undefined });
  program?.once('error', (error) => say(`the service manager was not told: ${error.message}`));
  program?.once('close', () => {
    manager.isBeingTold = false;
    tellManager({});
  });
}

/** That it looks around is the sign of life that WatchdogSec= asks for, given three times within it. */
function keepManagerCalm() {
  if (!(performance.now() - manager.calmedAt > Number(process.env.WATCHDOG_USEC) / 3000)) return;
  manager.calmedAt = performance.now();
  tellManager({ WATCHDOG: '1' });
}

/** @param {Watch} w */
function reportState(w) {
  const pid = w.live && w.live.pid > 0 ? `, PID ${w.live.pid}` : '';
  const isOver = w.state === 'ending' || w.state === 'ended';
  tellManager({ STATUS: `${versionOf(w)}: ${w.state}${pid}`, ...(isOver ? { STOPPING: '1' } : {}) });
}

/** In the terminal, and in logs/watchdog.log. @param {string} message */
function say(message) {
  console.log(`watchdog: ${message}`);
  try {
    disk.append(historyPath, `${new Date().toISOString()} ${message}\n`);
    const size = sizeOf(historyPath);
    if (size <= logLimit) return;
    const half = readPart(historyPath, size - logLimit / 2, logLimit / 2);
    disk.write(`${historyPath}.new`, half.subarray(half.indexOf(10) + 1));
    disk.rename(`${historyPath}.new`, historyPath);
  } catch {
    // Without its folder, or with a full disk, the terminal has to do.
  }
}

main().catch((error) => {
  say(error instanceof Refusal ? error.message : `failed: ${error?.stack}`);
  process.exitCode = error?.exitCode || 1;
});
