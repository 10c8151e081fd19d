// What each destructive program is recognised by, once wrappers and expansions are gone. Every rule looks at operands
// and not at words: naming a disk or `/` is harmless until something writes or deletes there.

import { type Destruction, describe, hasFlag, type Rule, readArguments } from './judgement.ts';
import { machineRules, makeFilesystem } from './machine.ts';
import { folderKind, isDisk, isVitalFile, meansContents, resolveSegments, type Segments } from './paths.ts';
import { findCommands, findRoots, isSelective } from './shell-find.ts';

/** Judges one program with its arguments, as run in the folder. */
export function judgeProgram(
  name: string,
  words: readonly string[],
  folder: Segments,
): Destruction | undefined {
  const rule = Object.hasOwn(rules, name)
    ? rules[name]
    : name.startsWith('mkfs.')
      ? makeFilesystem
      : undefined;
  return rule?.(readArguments(words), folder, name);
}

/** Judges a file that a redirection writes. */
export function judgeWrite(path: string, keepsContents: boolean, folder: Segments): Destruction | undefined {
  const target = resolveSegments(path, folder);
  if (isDisk(target))
    return { rule: 'disk-write', reason: `it writes over the disk ${describe(path, folder)}` };
  const isTrigger = target[0] === 'proc';
  if (!isVitalFile(target) || (keepsContents && !isTrigger)) return undefined;
  return { rule: 'system-file', reason: `it overwrites the system file ${describe(path, folder)}` };
}

function judgeRemoval(operands: readonly string[], folder: Segments, how: string): Destruction | undefined {
  const target = operands.find((operand) => folderKind(resolveSegments(operand, folder)) !== undefined);
  if (target === undefined) return undefined;
  const reason = `${how} would remove all of ${describe(target, folder)}`;
  return { rule: 'recursive-delete', reason };
}

const remove: Rule = (given, folder) => {
  if (hasFlag(given, /[rR]/, '--recursive')) return judgeRemoval(given.operands, folder, 'rm');
  const target = given.operands.find((operand) => {
    const path = resolveSegments(operand, folder);
    const kind = folderKind(path);
    return isVitalFile(path) || (meansContents(path) && (kind === 'root' || kind === 'system'));
  });
  return target === undefined
    ? undefined
    : { rule: 'system-file', reason: `rm would remove system files: ${describe(target, folder)}` };
};

const removeTree: Rule = ({ operands }, folder) => judgeRemoval(operands, folder, 'rimraf');

/** Other programs that `find` runs are judged by their own rules. */
const find: Rule = ({ words }, folder) => {
  // Deleting every file one by one needs no -r.
  const run = findCommands(words).find((each) => {
    const program =
      each.words.find((word) => !/^(?:sudo|doas|command|env|nice|busybox|-.*)$/.test(word)) ?? '';
    return /^(?:rm|unlink|shred)$/.test(program.slice(program.lastIndexOf('/') + 1));
  });
  const starts = [run?.at ?? -1, words.indexOf('-delete')].filter((at) => at >= 0);
  const end = Math.min(...starts);
  // What stands after the deletion comes too late to spare anything.
  if (end === Number.POSITIVE_INFINITY || isSelective(words.slice(0, end))) return undefined;
  return judgeRemoval(findRoots(words), folder, 'find');
};

const copyTo: Rule = (given, folder, name) => {
  const targets = given.operands.length > 1 || name === 'truncate' ? given.operands.slice(-1) : [];
  return firstWrite(targets, false, folder);
};

function firstWrite(
  paths: readonly string[],
  keepsContents: boolean,
  folder: Segments,
): Destruction | undefined {
  for (const path of paths) {
    const found = judgeWrite(path, keepsContents, folder);
    if (found !== undefined) return found;
  }
  return undefined;
}

const move: Rule = (given, folder, name) => {
  const sources = given.operands.slice(0, -1);
  const toNowhere = given.operands.at(-1) === '/dev/null';
  const lost = sources.find((source) => {
    const kind = folderKind(resolveSegments(source, folder));
    return kind !== undefined && (toNowhere || kind === 'root' || kind === 'system');
  });
  if (lost !== undefined) return { rule: 'move', reason: `mv would take away ${describe(lost, folder)}` };
  return copyTo(given, folder, name);
};

const writeDisk: Rule = ({ words }, folder) => {
  const targets = words.filter((word) => word.startsWith('of=')).map((word) => word.slice(3));
  return firstWrite(targets, false, folder);
};

const tee: Rule = (given, folder) => firstWrite(given.operands, hasFlag(given, /a/, '--append'), folder);

const shred: Rule = (given, folder) =>
  firstWrite(given.operands, false, folder) ?? judgeRemoval(given.operands, folder, 'shred');

const changeMode: Rule = (given, folder, name) => {
  // A mode such as -rwx looks like a flag; a lone operand is then the target.
  const operands = given.flags.some((flag) => flag.startsWith('--reference'))
    ? given.operands
    : given.operands.slice(1);
  const targets = given.operands.length === 1 ? given.operands : operands;
  const locksOut = name === 'chmod' && /^0{1,4}$/.test(given.operands[0] ?? '');
  if (!locksOut && !hasFlag(given, /^[a-zA-Z]*R/, '--recursive')) return undefined;
  const target = targets.find((operand) => {
    const kind = folderKind(resolveSegments(operand, folder));
    return kind === 'root' || kind === 'system';
  });
  if (target === undefined) return undefined;
  const reason = `${name} would change the permissions of all of ${describe(target, folder)}`;
  return { rule: 'permissions', reason };
};

const synchronise: Rule = (given, folder) => {
  const target = given.operands.at(-1) ?? '.';
  const kind = folderKind(resolveSegments(target, folder));
  if (!given.flags.some((flag) => flag.startsWith('--del')) || (kind !== 'root' && kind !== 'system'))
    return undefined;
  return judgeRemoval([target], folder, 'rsync --delete');
};

const rules: Record<string, Rule> = {
  ...machineRules,
  rm: remove,
  find,
  shred,
  srm: remove,
  unlink: remove,
  rimraf: removeTree,
  dd: writeDisk,
  dcfldd: writeDisk,
  tee,
  cp: copyTo,
  install: copyTo,
  ln: copyTo,
  truncate: copyTo,
  mv: move,
  rsync: synchronise,
  chmod: changeMode,
  chown: changeMode,
  chgrp: changeMode,
  setfacl: changeMode,
  chattr: changeMode,
};
