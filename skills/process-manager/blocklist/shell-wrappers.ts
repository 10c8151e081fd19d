// Knows the programs that run another program: what they run is what has to be judged. It only reads words; the
// rehearsal runs through the answer again, so wrappers within wrappers need nothing of their own.

/** A script that a command runs: its text, a file, or what it reads. */
export type Script =
  | { readonly kind: 'script'; readonly script: string; readonly positionals: readonly string[] }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'input' };

/** What a command runs: other words, or a script. */
type Inner = Script | { readonly kind: 'words'; readonly words: readonly string[] };

/** What a command runs; undefined when it is no wrapper, or wraps nothing. */
export function unwrap(name: string, words: readonly string[], input: string | undefined): Inner | undefined {
  if (shells.has(name)) return unwrapShell(words);
  if (name === 'eval') return script(words.join(' '));
  if (name === 'source' || name === '.')
    return words[0] === undefined ? undefined : { kind: 'file', path: words[0] };
  if (name === 'trap') return script(words[0] === '--' ? words[1] : words[0]);
  if (name === 'at' || name === 'batch') return { kind: 'input' };
  if (name === 'watch') return script(skipOptions(wrappers.watch ?? '', words).join(' '));
  if (commandFlagTakers.has(name)) {
    const flag = words.findIndex((word) => /^-[a-z]{0,3}c$|^--(?:session-)?command$/.test(word));
    if (flag >= 0) return script(words[flag + 1]);
    const long = words.find((word) => word.startsWith('--command='));
    if (long !== undefined) return script(long.slice('--command='.length));
  }
  if (name === 'env') {
    const split = words.findIndex((word) => /^-[iv0]{0,3}S|^--split-string/.test(word));
    if (split >= 0) return script(splitString(words, split));
  }
  if (name === 'command' && /^-[pvV]*[vV]/.test(words[0] ?? '')) return undefined;
  if (name === 'xargs') return unwrapXargs(words, input);
  if (name === 'parallel') return unwrapParallel(words, input);
  const spec = Object.hasOwn(wrappers, name) ? wrappers[name] : undefined;
  if (spec === undefined) return undefined;
  const inner = skipOptions(spec, words);
  return inner.length === 0 ? undefined : { kind: 'words', words: inner };
}

/** The name of a program without its folders. */
export function programName(field: string): string {
  return field.slice(field.lastIndexOf('/') + 1);
}

const shells = new Set(['bash', 'sh', 'dash', 'zsh', 'ksh', 'ash', 'fish', 'mksh', 'rbash']);
const commandFlagTakers = new Set(['su', 'runuser', 'script', 'flock', 'sg']);

/**
 * For each wrapper, `LETTERS/LONG,LONG/COUNT`: the flags that take the next word as their value, short and long,
 * and how many words of its own come before the command.
 */
const wrappers: Record<string, string> = {
  sudo: 'ugpCThrRDtU/user,group,prompt,chdir,close-from,chroot,host,role,type,other-user,command-timeout/0',
  doas: 'uC//0',
  pkexec: '/user/0',
  run0: 'ugD/user,group,chdir/0',
  npx: 'pc/package/0',
  env: 'uC/unset,chdir/0',
  nohup: '//0',
  setsid: '//0',
  time: 'fo/format,output/0',
  exec: 'a//0',
  command: '//0',
  builtin: '//0',
  nice: 'n/adjustment/0',
  ionice: 'cnpPu/class,classdata/0',
  chrt: 'TPD//1',
  taskset: '//1',
  timeout: 'sk/signal,kill-after/1',
  stdbuf: 'ioe/input,output,error/0',
  unbuffer: '//0',
  chroot: '/userspec,groups/1',
  flock: 'wE/timeout,wait,conflict-exit-code/1',
  strace: 'eopsuaEIPXO//0',
  ltrace: 'eopsuanl//0',
  unshare: 'RwSG//0',
  nsenter: 'tSGrw/target/0',
  setpriv: '//0',
  busybox: '//0',
  toybox: '//0',
  fakeroot: 'lsib//0',
  'systemd-run': 'pEutMHG/property,setenv,unit,uid,gid,slice/0',
  'systemd-inhibit': '/what,who,why,mode/0',
  runuser: 'ugGs/user,group/0',
  gosu: '//1',
  'su-exec': '//1',
  watch: 'nd/interval/0',
  caffeinate: 't//0',
  tini: 'pe//0',
  'dumb-init': '//0',
  setarch: '//1',
  numactl: 'CNmpil//0',
  proxychains: 'f//0',
  'dbus-run-session': '//0',
};

function script(text: string | undefined): Inner | undefined {
  return text === undefined ? undefined : { kind: 'script', script: text, positionals: [] };
}

/** The words after a wrapper's own options, assignments and operands. */
function skipOptions(spec: string, words: readonly string[]): readonly string[] {
  const [letters = '', long = '', count = '0'] = spec.split('/');
  const longNames = long.split(',');
  let index = 0;
  for (; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--') {
      index += 1;
      break;
    }
    if (/^[A-Za-z_]\w*=/.test(word)) continue;
    if (!word.startsWith('-')) break;
    if (word.startsWith('--')) {
      if (longNames.includes(word.slice(2))) index += 1;
      continue;
    }
    const valued = [...word.slice(1, 20)].findIndex((letter) => letters.includes(letter));
    // A value that is glued to its flag needs no second word.
    if (valued >= 0 && valued === word.length - 2) index += 1;
  }
  return words.slice(index + Number(count));
}

function splitString(words: readonly string[], at: number): string {
  const word = words[at] ?? '';
  const glued = word.startsWith('--')
    ? word.split('=').slice(1).join('=')
    : word.slice(word.indexOf('S') + 1);
  return [glued, ...words.slice(at + 1)].join(' ');
}

function unwrapShell(words: readonly string[]): Inner | undefined {
  let takesScript = false;
  let index = 0;
  for (; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--' || word === '-') {
      index += 1;
      break;
    }
    if (!/^[-+]/.test(word)) break;
    if (word.startsWith('--')) {
      if (word === '--rcfile' || word === '--init-file') index += 1;
      continue;
    }
    if (word.includes('c')) takesScript = true;
    if (/^[-+][a-zA-Z]*[oO]$/.test(word)) index += 1;
  }
  const [first, ...positionals] = words.slice(index);
  if (takesScript) return first === undefined ? undefined : { kind: 'script', script: first, positionals };
  return first === undefined || words.includes('-s') ? { kind: 'input' } : { kind: 'file', path: first };
}

function unwrapXargs(words: readonly string[], input: string | undefined): Inner | undefined {
  const inner = skipOptions('aEILnPsd/arg-file,max-args,max-procs,max-lines,delimiter,max-chars/0', words);
  const given = (input ?? '').split(/[\s\0]/).filter((word) => word !== '');
  const flag = words.findIndex((word) => /^-I|^-i|^--replace/.test(word));
  const mark = flag < 0 || flag > words.length - inner.length ? undefined : replaceMark(words, flag);
  if (mark === undefined || mark === '') return { kind: 'words', words: [...inner, ...given] };
  const filled = inner.flatMap((word) =>
    word === mark ? given : [word.replaceAll(mark, () => given[0] ?? '')],
  );
  return { kind: 'words', words: filled };
}

function replaceMark(words: readonly string[], flag: number): string {
  const word = words[flag] ?? '';
  if (word === '-I') return words[flag + 1] ?? '';
  return word.replace(/^-[Ii]|^--replace=?/, '') || '{}';
}

function unwrapParallel(words: readonly string[], input: string | undefined): Inner | undefined {
  const inner = skipOptions('jNnPSaI/jobs,max-args,delay,timeout,joblog,results/0', words);
  const end = inner.indexOf(':::');
  const given = end < 0 ? (input ?? '').split('\n') : inner.slice(end + 1);
  const command = (end < 0 ? inner : inner.slice(0, end)).filter((word) => word !== '{}');
  return script([...command, ...given].join(' '));
}
