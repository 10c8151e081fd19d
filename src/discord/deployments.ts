// Deployments go on after their tool has answered, and mostly outlive the bot that began them. What is followed are the
// states of releases, which the tool `releases` tells; what they mean to whoever asked is said here.

import { z } from 'zod';
import type { Actor, Dispatcher } from '../../skills/tool.ts';
import type { About, Conversation } from './conversations.ts';

const releaseSchema = z.object({
  version: z.string(),
  state: z.string(),
  createdAt: z.string(),
  reason: z.string().optional(),
});
const promotedSchema = z.object({ release: releaseSchema });
const takenBackSchema = z.object({ state: z.literal('requested'), releases: z.array(releaseSchema).min(1) });
const releasesSchema = z.object({ releases: z.array(releaseSchema) });

type Release = z.infer<typeof releaseSchema>;

/** What to say of a deployment now. */
export interface Standing {
  readonly text: string;
  readonly isOver: boolean;
  readonly isGood: boolean;
}

const moving: Readonly<Record<string, string>> = {
  staged: 'is staged; the watchdog switches it when the bot is idle',
  switching: 'is being switched',
  trial: 'runs, and is on trial',
  reverting: 'is being taken back',
};

/** What is to be followed after a tool has answered; nothing, where its answer is the end. */
export function aboutOf(tool: string, input: Record<string, unknown>, output: unknown): About | undefined {
  if (tool === 'self_restart') return { kind: 'restart' };
  const takenBack = takenBackSchema.safeParse(output);
  if (tool === 'rollback' && takenBack.success) {
    return { kind: 'release', wants: 'reverted', releases: takenBack.data.releases.map(nameOf) };
  }
  const promoted = promotedSchema.safeParse(output);
  if (tool !== 'promote' || !promoted.success || input.skipRestart === true) return undefined;
  const { release } = promoted.data;
  if (moving[release.state] === undefined) return undefined;
  return { kind: 'release', wants: 'good', releases: [nameOf(release)] };
}

/** Reads the releases with the rights of whoever asked. */
export async function readReleases(dispatcher: Dispatcher, actor: Actor): Promise<Release[]> {
  const output = await dispatcher.call(actor, 'releases', {}, { isRepeated: true });
  return releasesSchema.parse(output).releases;
}

/** What a call that was cut off had brought about: the releases that were made since it began. */
export function aboutOfCutOff(conversation: Conversation, releases: readonly Release[]): About | undefined {
  const { tool, begunAt } = conversation;
  if (tool === 'promote') {
    const made = releases.filter(({ createdAt }) => createdAt >= begunAt);
    const newest = made.sort((one, other) => other.createdAt.localeCompare(one.createdAt))[0];
    return newest && { kind: 'release', wants: 'good', releases: [nameOf(newest)] };
  }
  const goingBack = releases.filter(({ state }) => state === 'reverting');
  if (tool !== 'rollback' || goingBack.length === 0) return undefined;
  return { kind: 'release', wants: 'reverted', releases: goingBack.map(nameOf) };
}

/** How the followed releases stand. */
export function standingOf(
  { wants, releases: followed }: Extract<About, { kind: 'release' }>,
  all: readonly Release[],
): Standing {
  const found = followed.flatMap(
    ({ version, createdAt }) =>
      all.find((release) => release.version === version && release.createdAt === createdAt) ?? [],
  );
  const [first] = found;
  if (!first) {
    const names = followed.map(({ version }) => version).join(', ');
    return { text: `${names} is not among the releases any more.`, isOver: true, isGood: false };
  }
  if (wants === 'reverted') return standingOfRollback(found);
  const { version, state, reason } = first;
  const words = moving[state];
  if (words !== undefined) return { text: `${version} ${words}`, isOver: false, isGood: false };
  if (state === 'good') return { text: `${version} is live.`, isOver: true, isGood: true };
  const because = reason === undefined ? '' : `: ${reason}`;
  const verb = state === 'reverted' ? 'was taken back; the version before it is live' : state;
  return { text: `${version} ${verb}${because}`, isOver: true, isGood: false };
}

function standingOfRollback(releases: readonly Release[]): Standing {
  const names = releases.map(({ version }) => version).join(', ');
  if (releases.every(({ state }) => state === 'reverted')) {
    return { text: `Taken back: ${names}. The version before is live again.`, isOver: true, isGood: true };
  }
  const failed = releases.find(({ state }) => state === 'failed');
  if (failed)
    return { text: `Taking back ${names} failed: ${failed.reason ?? ''}`, isOver: true, isGood: false };
  const begun = releases.some(({ state }) => state === 'reverting');
  return {
    text: begun ? `${names} is being taken back` : `the watchdog takes back ${names} when the bot is idle`,
    isOver: false,
    isGood: false,
  };
}

function nameOf({ version, createdAt }: Release): { version: string; createdAt: string } {
  return { version, createdAt };
}
