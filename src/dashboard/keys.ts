// What lets somebody in. A token of 256 bits is made at each start and printed; whoever brings it gets a cookie. The
// cookie is signed with a key that stays in memory/dashboard.json, so that a restart of the bot (a promotion) locks
// nobody out. Both files of this room can be read by their owner alone.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../skills/tool.ts';

const keptSchema = z.object({
  key: z.string().regex(/^[\w-]{43}$/),
  port: z.number().int().min(1).max(65_535).optional(),
});
const addressSchema = z.object({ url: z.string(), pid: z.number().int() });

/** A cookie is good for thirty days. */
const cookieMs = 30 * 24 * 3_600_000;

/** What stays from start to start: the key of the cookies, and the port that open pages come back to. */
export type Kept = z.infer<typeof keptSchema>;

/** Reads what is kept, or begins anew where there is nothing that can be used. */
export function readKept(root: string): Kept {
  const path = join(root, 'memory/dashboard.json');
  const found = existsSync(path) ? keptSchema.safeParse(parse(readFileSync(path, 'utf8'))) : undefined;
  // Whoever could read the key meanwhile could make cookies; from now on nobody else can.
  if (found?.success) {
    chmodSync(path, 0o600);
    return found.data;
  }
  const fresh = { key: randomBytes(32).toString('base64url') };
  writeKept(root, fresh);
  return fresh;
}

/** Keeps it; afterwards the old file or this one is there. */
export function writeKept(root: string, kept: Kept): void {
  writeSecretly(root, 'dashboard.json', kept);
}

/** Leaves the address with the token for `understudy dashboard`. */
export function writeAddress(root: string, url: string): void {
  writeSecretly(root, 'dashboard.address', { url, pid: process.pid });
}

/** Takes the address away, unless it is another process's by now. */
export function removeAddress(root: string): void {
  if (readAddress(root)?.pid === process.pid) rmSync(join(root, 'memory/dashboard.address'), { force: true });
}

/** The address of the running bot's page, with a token in it. */
export function findPage(root: string): string {
  const address = readAddress(root);
  if (address && isAlive(address.pid)) return address.url;
  const path = join(root, 'memory/dashboard.address');
  if (!address && existsSync(path) && !isReadable(path)) {
    throw new Failure(
      'dashboard_of_another',
      `${path} can be read by the user alone that the bot runs as.`,
      'Say this as that user: whoever has the address may do everything.',
    );
  }
  throw new Failure(
    'no_dashboard',
    'No bot of this instance offers its page now.',
    'Start the bot with `npm start`; the address of the page is among the first lines that it prints.',
  );
}

function readAddress(root: string): z.infer<typeof addressSchema> | undefined {
  try {
    return addressSchema.parse(parse(readFileSync(join(root, 'memory/dashboard.address'), 'utf8')));
  } catch {
    return undefined;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Nothing is signalled: the address of a bot that was killed must not be given out. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A new token. */
export function makeToken(): string {
  return randomBytes(32).toString('base64url');
}

/** True for equal texts, in a time that says nothing of where they differ. */
export function isSame(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => createHmac('sha256', 'same').update(text).digest());
  return first !== undefined && second !== undefined && timingSafeEqual(first, second);
}

/** A value for the cookie: until when it is good, and the signature of that. */
export function signCookie(key: string, now: number): string {
  const until = String(now + cookieMs);
  return `${until}.${signature(key, until)}`;
}

/** True for a cookie that this key has signed and that is still good. */
export function isGoodCookie(key: string, cookie: string, now: number): boolean {
  const [until = '', signed = '', ...more] = cookie.split('.');
  if (more.length > 0 || !/^\d{1,16}$/.test(until)) return false;
  return isSame(signed, signature(key, until)) && Number(until) > now;
}

/** How long browsers keep the cookie, in seconds. */
export const cookieSeconds = cookieMs / 1_000;

/** Pages of other instances on this machine have cookies of other names: browsers do not tell ports apart. */
export function cookieName(key: string): string {
  return `understudy_${createHmac('sha256', key).update('name').digest('hex').slice(0, 12)}`;
}

function signature(key: string, until: string): string {
  return createHmac('sha256', key).update(`cookie ${until}`).digest('base64url');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function writeSecretly(root: string, name: string, value: object): void {
  const folder = join(root, 'memory');
  mkdirSync(folder, { recursive: true });
  const fresh = join(folder, `.${name}.${process.pid}.new`);
  const file = openSync(fresh, 'w', 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(value)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, join(folder, name));
}
