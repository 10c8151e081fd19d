// Instances with chosen skills for tests, called through the real dispatcher: real files, real database, and every
// process that was started ended when the test is over.

import { onTestFinished } from 'vitest';
import type { Engine } from '../../skills/process-manager/engine.ts';
import type { AnySkill } from '../../skills/registry.ts';
import type { Actor, Caller, Clock, Permission } from '../../skills/tool.ts';
import { openInstance } from '../../src/instance.ts';
import { makeInstance } from './instance.ts';
import { endNow } from './manager.ts';
import { makeLogger } from './skill.ts';

/** Somebody who asks in some way, with some rights. */
export function person(
  surface: Actor['surface'] = 'cli',
  rights: readonly Permission[] = ['read', 'operate', 'deploy'],
): Actor {
  return { id: `${surface}:1`, name: 'Ada', surface, rights };
}

/** An instance with these skills and files. */
export function openWith(
  skills: readonly unknown[],
  files: Readonly<Record<string, string>> = {},
  options: { root?: string; clock?: Clock } = {},
) {
  const root = options.root ?? makeInstance(files);
  const logger = makeLogger();
  const instance = openInstance({
    root,
    loaded: { skills: skills as AnySkill[], failures: [] },
    environment: {},
    logger,
    ...(options.clock ? { clock: options.clock } : {}),
  });
  onTestFinished(() => {
    const manager = instance.catalogue.skills.find(({ skill }) => skill.name === 'process-manager');
    if (manager) {
      const { processes } = manager.engine() as Engine;
      for (const row of processes.registry.unfinished()) endNow(row);
    }
    instance.close();
  });
  const call = (name: string, input: unknown, actor: Actor = person(), caller?: Caller) =>
    instance.dispatcher.call(actor, name, input, caller);
  return { root, instance, logger, call };
}
