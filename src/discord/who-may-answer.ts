// Who may answer a question: the person who asked for the deed. What nobody on Discord has asked for, such as a cycle of
// the clock or a hook that was made in a shell, may be answered by everybody who has all the rights that it runs with.

import type { Actor } from '../../skills/tool.ts';

/** True when the answer counts. */
export function mayAnswer(asker: Actor, by: Actor): boolean {
  if (isPerson(asker)) return asker.id === by.id;
  return by.rights.length > 0 && asker.rights.every((right) => by.rights.includes(right));
}

/** In words. */
export function whoMayAnswer(asker: Actor): string {
  return isPerson(asker) ? asker.name : 'an owner';
}

function isPerson({ id }: Actor): boolean {
  return id.startsWith('discord:');
}
