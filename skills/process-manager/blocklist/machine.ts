// Rules for programs that exist to act on the machine: on its disks, its power and its processes.

import { asksForHelp, describe, hasFlag, type Rule } from './judgement.ts';
import { isDisk, resolveSegments } from './paths.ts';
import { unknown } from './shell-expansion.ts';

/** `mkfs` and its kin, whatever file system they make. */
export const makeFilesystem: Rule = (given, folder, name) => {
  if (asksForHelp(given) || /^-[hV]$/.test(given.words.join(' '))) return undefined;
  // On an image file it is everyday work; anything that is not surely a file may be a disk.
  const isFile = (word: string) => {
    const path = resolveSegments(word, folder);
    return word !== '' && path[0] !== 'dev' && !word.includes(unknown) && !word.includes('=');
  };
  const areFiles = given.operands.length > 0 && given.operands.every(isFile);
  return areFiles ? undefined : { rule: 'format', reason: `${name} makes an empty file system on a disk` };
};

/** A rule for a program that destroys a disk when its words match and it names a disk. */
function diskTool(needs: RegExp | undefined, refusesWhen?: RegExp): Rule {
  return (given, folder, name) => {
    const isHarmless = asksForHelp(given) || given.words.some((word) => refusesWhen?.test(word) === true);
    const isMeant = needs === undefined || given.words.some((word) => needs.test(word));
    const disk = given.operands.find((word) => isDisk(resolveSegments(word, folder)));
    if (isHarmless || !isMeant || disk === undefined) return undefined;
    return { rule: 'disk-write', reason: `${name} would destroy what is on ${describe(disk, folder)}` };
  };
}

/** A rule for a program that is destructive by what it is told to do, whatever it names. */
function verbTool(verbs: RegExp, rule: string, reason: string): Rule {
  return (given) =>
    !asksForHelp(given) && given.operands.some((word) => verbs.test(word)) ? { rule, reason } : undefined;
}

const off = { rule: 'shutdown', reason: 'it stops or restarts the whole machine' };
const shutDown: Rule = (given) =>
  asksForHelp(given) || hasFlag(given, /^[ckw]$/, '--show', '--wtmp-only') ? undefined : off;

const kill: Rule = ({ words }) => {
  const everything = { rule: 'kill-everything', reason: 'it would kill every process, or the first one' };
  const takesSignal = /^-(?:[sn]|-signal)$/.test(words[0] ?? '') ? 2 : /^-[^-]/.test(words[0] ?? '') ? 1 : 0;
  if (/^-(?:[lL]$|-list|-table|l)/.test(words[0] ?? '')) return undefined;
  const targets = words.slice(takesSignal).filter((word) => word !== '--');
  return targets.includes('-1') || targets.includes('1') ? everything : undefined;
};

const killByName: Rule = (given) =>
  given.operands.some((pattern) => /^\^?\.?[*+]?\$?$/.test(pattern)) && given.words.length > 0
    ? { rule: 'kill-everything', reason: 'its pattern matches every process' }
    : undefined;

const always =
  (rule: string, reason: string): Rule =>
  (given) =>
    asksForHelp(given) ? undefined : { rule, reason };

const initialise = verbTool(/^[06]$/, off.rule, off.reason);
const service: Rule = (given, folder, name) =>
  // Asking after reboot.target is no reboot.
  /^(?:status|show|cat|help|is-|list-|edit|enable|disable|mask|unmask)/.test(given.operands[0] ?? '')
    ? undefined
    : machineService(given, folder, name);
const machineService = verbTool(
  /^(?:poweroff|reboot|halt|kexec|soft-reboot|emergency|rescue)(?:\.target)?$/,
  off.rule,
  off.reason,
);
const pool = verbTool(/^(?:destroy|labelclear)$/, 'disk-write', 'it destroys a storage pool');
const volume = always('disk-write', 'it removes a storage volume');

/** The rules, by the program's name. */
export const machineRules: Readonly<Record<string, Rule>> = {
  mkfs: makeFilesystem,
  mke2fs: makeFilesystem,
  mkswap: makeFilesystem,
  mkdosfs: makeFilesystem,
  mkntfs: makeFilesystem,
  wipefs: diskTool(/^-[^-]*[ao]|^--(?:all|offset)/, /^(?:-n|--no-act)$/),
  blkdiscard: diskTool(undefined),
  badblocks: diskTool(/^-[a-z]*w/),
  fdisk: diskTool(undefined, /^(?:-l|--list|-s|-x)/),
  cfdisk: diskTool(undefined),
  gdisk: diskTool(undefined, /^-l/),
  sfdisk: diskTool(undefined, /^-(?:[dlsJFTV]|-(?:dump|list|json|verify|show))/),
  sgdisk: diskTool(/^-[a-zA-Z]*[Zzod]|^--(?:zap|clear|delete)/),
  parted: diskTool(/^(?:mklabel|mktable|rm|mkpart|resizepart)\b/),
  hdparm: diskTool(/^--(?:security-erase|trim-sector|write-sector|make-bad)/),
  nvme: diskTool(/^(?:format|sanitize|write)/),
  cryptsetup: diskTool(/^(?:luksFormat|luksErase|erase|reencrypt)$/),
  diskutil: verbTool(
    /^(?:erase|zeroDisk|randomDisk|secureErase|partitionDisk|reformat)/i,
    'format',
    'it erases a disk',
  ),
  zpool: pool,
  zfs: pool,
  lvremove: volume,
  vgremove: volume,
  pvremove: volume,
  shutdown: shutDown,
  reboot: shutDown,
  halt: shutDown,
  poweroff: shutDown,
  init: initialise,
  telinit: initialise,
  systemctl: service,
  loginctl: service,
  kill,
  pkill: killByName,
  killall: killByName,
  killall5: always('kill-everything', 'it kills every process'),
};
