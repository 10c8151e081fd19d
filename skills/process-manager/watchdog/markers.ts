// The marker files in the root by which the skill and watchdog.js speak. Written durably and whole; read tolerantly,
// since other people's scripts write some of them, empty or in words of their own.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isAbandoned, replaceDurably } from '../base/index.ts';

/** Every marker, by what it is for. `.watchdog.*` belongs to the watchdog alone. */
export const markerNames = {
  restart: '.restart-signal',
  heartbeat: '.heartbeat',
  ready: '.deploy-ready',
  inProgress: '.deploy-in-progress',
  reverted: '.deploy-reverted',
  upgrade: '.upgrade-context',
} as const;

const text = z.string().optional().catch(undefined);

const deploySchema = z.object({
  /** The name of the folder in backups/; scripts that know nothing of it mean the newest that is staged. */
  release: text,
  version: text,
  staged_at: text,
  staged_by: text,
  commit: text,
  action: z.enum(['promote', 'rollback']).catch('promote'),
  rollback: z.array(z.string()).optional().catch(undefined),
});

const revertedSchema = z.object({
  release: text,
  version: text,
  reason: text,
  at: text,
  lines: z.array(z.string()).catch([]),
  state: z.enum(['reverted', 'inconsistent', 'watchdog-refused']).catch('reverted'),
  hash: text,
});

const heartbeatSchema = z.object({
  pid: z.number().int().positive(),
  startedAt: text,
  version: text,
  state: z.enum(['starting', 'ready']).catch('starting'),
  busy: z.number().min(0).catch(0),
  at: text,
  discord: z.enum(['ready', 'down', 'off']).optional().catch(undefined),
});

export type DeployMarker = z.infer<typeof deploySchema>;
export type RevertedMarker = z.infer<typeof revertedSchema>;
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** What the next process is told about why it was started. */
export interface UpgradeContext {
  readonly action: 'restart' | 'promote' | 'rollback';
  readonly version?: string;
  readonly reason?: string;
  readonly requestedBy: string;
  readonly channel?: string;
  readonly at: string;
}

/** A release, or a rollback, that waits for the watchdog; undefined when nothing waits. */
export function readDeployReady(root: string): DeployMarker | undefined {
  return readMarker(root, markerNames.ready, deploySchema, {});
}

/** What the watchdog is switching or trying at the moment. */
export function readDeployInProgress(root: string): DeployMarker | undefined {
  return readMarker(root, markerNames.inProgress, deploySchema, {});
}

/** The last release that was taken back, until one succeeds. */
export function readDeployReverted(root: string): RevertedMarker | undefined {
  return readMarker(root, markerNames.reverted, revertedSchema, {});
}

/** What live last said of itself; undefined when it says nothing, or something torn. */
export function readHeartbeat(root: string): Heartbeat | undefined {
  return readMarker(root, markerNames.heartbeat, heartbeatSchema, undefined);
}

/** Asks the watchdog for a switch. The last step of staging: everything else has to be on the disk before. */
export function writeDeployReady(
  root: string,
  marker: Partial<DeployMarker> & Pick<DeployMarker, 'action'>,
): void {
  replaceDurably(join(root, markerNames.ready), `${JSON.stringify(marker)}\n`);
}

/** Takes a wish back that the watchdog has not begun with; false when it has, or when there was none. */
export function withdrawDeployReady(root: string, to: string): boolean {
  try {
    // The watchdog begins by renaming the same file, so exactly one of the two gets it.
    renameSync(join(root, markerNames.ready), to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Leaves word for the process that comes next. */
export function writeUpgradeContext(root: string, context: UpgradeContext): void {
  replaceDurably(join(root, markerNames.upgrade), `${JSON.stringify(context)}\n`);
}

/** Asks the watchdog to restart live. */
export function writeRestartSignal(
  root: string,
  signal: { readonly timestamp: string; readonly reason: string; readonly requestedBy: string },
): void {
  replaceDurably(join(root, markerNames.restart), `${JSON.stringify(signal)}\n`);
}

/** Removes what writers of markers left behind that were killed before their rename. */
export function sweepTemporaryMarkers(root: string): void {
  const names = Object.values(markerNames);
  for (const name of readdirSync(root)) {
    const isMarker = names.some((marker) => name.startsWith(`${marker}.`));
    if (isMarker && isAbandoned(name)) rmSync(join(root, name), { force: true });
  }
}

/** A marker's content. A file that is there says something even when it is empty: then it is `otherwise`. */
function readMarker<Schema extends z.ZodObject>(
  root: string,
  name: string,
  schema: Schema,
  otherwise: object | undefined,
): z.infer<Schema> | undefined {
  const path = join(root, name);
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return otherwise === undefined || !existsSync(path) ? undefined : schema.parse(otherwise);
  }
}
