// An instance for a process that stays: each call finds the settings, the policy and the secrets that the files hold
// now. Files that cannot be used refuse every call, as they do on a command line of their own, until they are mended.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Dispatcher } from '../../skills/tool.ts';
import { instanceFiles } from '../config.ts';
import type { Instance } from '../instance.ts';

/** Opens the instance; tolerantly for tools that say what is broken. */
export type Open = (tolerateBroken: boolean) => Instance;

/** The instance as it was opened first, and a dispatcher that is always of today. */
export interface FreshInstance {
  readonly first: Instance;
  readonly dispatcher: Dispatcher;
  close(): void;
}

interface Edition {
  readonly instance: Instance;
  readonly state: string;
  calls: number;
}

/** Opens it; a Failure when its files cannot be used from the beginning. */
export function openFresh(open: Open): FreshInstance {
  const first = open(false);
  const { root } = first;
  let current: Edition = { instance: first, state: stateOf(root), calls: 0 };
  const leave = (edition: Edition) => {
    edition.calls -= 1;
    if (edition !== current && edition.calls === 0) edition.instance.close();
  };
  const enter = (name: string): Edition => {
    const state = stateOf(root);
    if (state !== current.state) {
      const old = current;
      if (first.catalogue.find(name)?.tool.worksWhenBroken) return { instance: open(true), state, calls: 1 };
      current = { instance: open(false), state, calls: 0 };
      if (old.calls === 0) old.instance.close();
    }
    current.calls += 1;
    return current;
  };
  return {
    first,
    dispatcher: {
      async call(actor, name, input, caller) {
        const edition = enter(name);
        try {
          return await edition.instance.dispatcher.call(actor, name, input, caller);
        } finally {
          leave(edition);
        }
      },
    },
    close: () => current.instance.close(),
  };
}

/** Differs whenever a file of the settings is another one, or has another content. */
function stateOf(root: string): string {
  return [...instanceFiles, '.env']
    .map((name) => {
      const stats = statSync(join(root, name), { throwIfNoEntry: false });
      return stats ? `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}` : 'none';
    })
    .join('; ');
}
