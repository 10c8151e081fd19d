// `understudy start_all`: the supervisor in the foreground, for whoever has no live bot, or starts it elsewhere. It is the
// same supervisor as in the bot, and one of the two at a time works: a second one waits until the first ends.

import { once } from 'node:events';
import { type Actor, Failure } from '../../skills/tool.ts';
import type { Instance } from '../instance.ts';
import { printable } from './render.ts';

/** How the verb is shown in help. */
export const startAllVerb = {
  name: 'start_all',
  title: 'Supervise in the foreground',
  description:
    'Supervises the processes of this instance until Ctrl-C: fires hooks, keeps timeouts, trims logs. The live bot does the same; only one of them works at a time, and the other one waits. Processes run on when it ends.',
  examples: [{ command: 'start_all', explains: 'watch over processes without running the bot' }],
} as const;

/** Supervises until the person ends it; returns the exit code. */
export async function startAll(instance: Instance, actor: Actor): Promise<number> {
  const { root, config, history } = instance;
  const row = history.begin({ actor: actor.id, action: startAllVerb.name, subject: '', isRead: false });
  if (config.environment.role === 'staging') {
    history.finish(row, 'refused', 'staging_role');
    throw new Failure(
      'staging_role',
      `This is a staging bot (BOT_ROLE=staging), and a staging bot manages nothing, so '${startAllVerb.name}' was not run.`,
      'Run it in the folder of the live instance.',
    );
  }
  const ended = Promise.race(
    (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => once(process, signal)),
  );
  const running = instance.startSkills({ notify: ({ text }) => say(text) });
  // Nothing else may hold the process open while it waits to be elected.
  const alive = setInterval(() => {}, 2 ** 30);
  say(`Supervising ${root}. Ctrl-C ends this; processes run on.`);
  await ended;
  clearInterval(alive);
  running.stop();
  history.finish(row, 'ok', '');
  return 0;
}

function say(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}
