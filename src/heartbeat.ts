// The bot's half of the handshake with its watchdog: `.heartbeat` in its root, written anew every few seconds by the
// same event loop that does the work, so that a loop that hangs is seen to hang. It never harms the bot: a full disk
// costs the heartbeat and a line in the log.

import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Logger } from '../skills/tool.ts';

const everyMs = 5_000;
/** A change of what it says is told sooner: a switch may wait for it. */
const lookMs = 500;

export interface HeartbeatOptions {
  readonly root: string;
  /** The folder of the code that runs. */
  readonly codeRoot: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly clock: Clock;
  /** How much work is under way that a switch should wait for. */
  busy(): number;
  /** `ready` when connected, `down` when it should be, `off` without a token. */
  readonly discord?: () => 'ready' | 'down' | 'off';
}

export interface Heartbeat {
  /** The bot works: database open, skills started. */
  ready(): void;
  /** A clean end: nothing beats here any more. */
  stop(): void;
}

/** Says `starting` at once, and goes on until it is stopped. A bot that works on another root than its own is silent. */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { root, clock, logger } = options;
  if (!isOwnRoot(options)) return { ready: () => {}, stop: () => {} };
  const path = join(root, '.heartbeat');
  const startedAt = new Date(clock.now() - process.uptime() * 1_000).toISOString();
  const version = versionOf(options);
  let state: 'starting' | 'ready' = 'starting';
  let isFailing = false;
  let last = { said: '', at: 0 };
  const beat = () => {
    const at = new Date(clock.now()).toISOString();
    const discord = options.discord?.() ?? 'off';
    const busy = options.busy();
    last = { said: `${busy} ${discord}`, at: performance.now() };
    const content = { pid: process.pid, startedAt, version, state, busy, at, discord };
    try {
      writeFileSync(`${path}.new`, `${JSON.stringify(content)}\n`);
      renameSync(`${path}.new`, path);
      isFailing = false;
    } catch (error) {
      if (!isFailing) logger.warn({ error: String(error) }, 'the heartbeat could not be written');
      isFailing = true;
    }
  };
  beat();
  const timer = setInterval(() => {
    const said = `${options.busy()} ${options.discord?.() ?? 'off'}`;
    if (said !== last.said || performance.now() - last.at >= everyMs - lookMs / 2) beat();
  }, lookMs);
  return {
    ready: () => {
      state = 'ready';
      beat();
    },
    stop: () => {
      clearInterval(timer);
      removeOwn(path);
    },
  };
}

/** True of the bot that the watchdog of this root started, and of one whose code lies in its root. */
function isOwnRoot({ root, codeRoot, environment }: HeartbeatOptions): boolean {
  return isWatched(root, environment) || real(root) === real(codeRoot);
}

function isWatched(root: string, { UNDERSTUDY_LIVE: mark = '' }: NodeJS.ProcessEnv): boolean {
  const [, watched, number] = /^(.*):(\d+)$/s.exec(mark) ?? [];
  return watched !== undefined && number !== undefined && real(watched) === real(root);
}

function versionOf({ root, codeRoot, environment }: HeartbeatOptions): string {
  const told = isWatched(root, environment) ? environment.UNDERSTUDY_VERSION : undefined;
  if (told !== undefined) return told;
  try {
    const { version } = JSON.parse(readFileSync(join(codeRoot, 'package.json'), 'utf8')) as {
      version?: unknown;
    };
    return typeof version === 'string' ? `v${version}` : 'unknown';
  } catch {
    return 'unknown';
  }
}

/** A bot that was started meanwhile may beat here already. */
function removeOwn(path: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(path, 'utf8')) as { pid?: unknown };
    if (pid === process.pid) rmSync(path, { force: true });
  } catch {
    // There is none.
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
