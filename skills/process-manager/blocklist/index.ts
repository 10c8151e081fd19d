// Recognises commands that would destroy the machine. It is a seat-belt, not the boundary: permissions and the
// person's confirmation are. It always judges what bash would run and never how the text looks; it never throws, takes
// time in proportion to the text, and refuses text that is too tangled to be judged.

import type { Destruction } from './judgement.ts';
import { matchesWildcard } from './paths.ts';
import { judgeProgram, judgeWrite } from './rules.ts';
import { UnreadableScript } from './shell-allowance.ts';
import { Rehearsal, type Watcher } from './shell-rehearsal.ts';

export type { Destruction } from './judgement.ts';

/** Why a command that is to run under `bash -c` must not; undefined when nothing speaks against it. */
export function findDestructive(command: string): Destruction | undefined {
  let found: Destruction | undefined;
  const watcher: Watcher = {
    get isDone() {
      return found !== undefined;
    },
    program(name, words, folder, isOwn) {
      const judgement = judgeProgram(plainName(name), words, folder);
      // A script may well name something of its own `shutdown`.
      if (!(isOwn && judgement?.rule === 'shutdown')) found ??= judgement;
    },
    write(path, keepsContents, folder) {
      found ??= judgeWrite(path, keepsContents, folder);
    },
    forkBomb(name) {
      found ??= { rule: 'fork-bomb', reason: `${name.slice(0, 100)} starts itself without end` };
    },
  };
  try {
    new Rehearsal(watcher).script(command);
  } catch (error) {
    if (!(error instanceof UnreadableScript)) throw error;
    found ??= { rule: 'unreadable', reason: `nobody can tell what it would do: ${error.message}` };
  }
  return found;
}

const disguised = [
  'rm',
  'dd',
  'mkfs',
  'mkfs.ext4',
  'shred',
  'chmod',
  'chown',
  'mv',
  'tee',
  'cp',
  'reboot',
  'shutdown',
];

/** `/bin/r?` is rm as surely as if it were spelled out. */
function plainName(name: string): string {
  if (!/[*?[]/.test(name)) return name;
  return disguised.find((each) => matchesWildcard(name, each)) ?? name;
}
