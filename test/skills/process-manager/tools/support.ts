// A whole instance with the process manager, whose tools are called as the agent, a person or a script calls them.

import { onTestFinished } from 'vitest';
import manager from '../../../../skills/process-manager/index.ts';
import type { ProcessRow } from '../../../../skills/process-manager/processes/index.ts';
import type { AnySkill } from '../../../../skills/registry.ts';
import type { Actor, BranchReference, Caller, Host } from '../../../../skills/tool.ts';
import { type Instance, openInstance } from '../../../../src/instance.ts';
import { makeInstance } from '../../../support/instance.ts';
import { endNow } from '../../../support/manager.ts';
import { makeActor, makeLogger, makePerson } from '../../../support/skill.ts';

/** What a test decides. */
interface SceneOptions {
  readonly root?: string;
  readonly think?: Host<unknown>['think'];
  readonly skills?: readonly AnySkill[];
  readonly env?: NodeJS.ProcessEnv;
  readonly config?: object;
}

/** The instance, and its tools as an LLM calls them for a person who says yes. */
export function makeScene(options: SceneOptions = {}) {
  const root = options.root ?? makeInstance({ 'config.json': JSON.stringify(options.config ?? {}) });
  const logger = makeLogger();
  const instance = openInstance({
    root,
    loaded: { skills: [manager as never, ...(options.skills ?? [])], failures: [] },
    environment: options.env ?? {},
    logger,
    ...(options.think && { think: options.think }),
  });
  onTestFinished(() => {
    for (const row of rowsOf(instance)) endNow(row);
    instance.close();
  });
  return {
    root,
    instance,
    logger,
    call: async <T = Record<string, unknown>>(
      name: string,
      input: unknown,
      caller: Caller & { actor?: Actor; branch?: BranchReference } = {},
    ): Promise<T> => {
      const { actor = makeActor('llm'), ...rest } = caller;
      return (await instance.dispatcher.call(actor, name, input, {
        confirm: makePerson(true).confirm,
        ...rest,
      })) as T;
    },
    rows: () => rowsOf(instance),
  };
}

function rowsOf(instance: Instance): ProcessRow[] {
  return instance
    .database()
    .prepare<[], ProcessRow>(
      `SELECT id, name, branch, agent, context, hook_depth AS hookDepth, shim_pid AS shimPid, shim_start AS shimStart
       FROM processes ORDER BY rowid`,
    )
    .all();
}
