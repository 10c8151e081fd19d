// Puts platforms back into package-lock.json that a registry mirror does not carry. npm leaves an optional package
// out of the lock file when it cannot ask for it, and `npm ci` then refuses the file. An entry with the right
// platform is enough: other platforms never fetch it. Run it after `npm install` on such a mirror.

import { readFileSync, writeFileSync } from 'node:fs';

const file = process.argv[2] ?? 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
let added = 0;

for (const [path, parent] of Object.entries(lock.packages)) {
  if (path === '') continue;
  for (const [name, range] of Object.entries(parent.optionalDependencies ?? {})) {
    const version = range.replace(/^[~^]/, '');
    const shared = lock.packages[`node_modules/${name}`];
    if (lock.packages[`${path}/node_modules/${name}`] || shared?.version === version) continue;
    if (shared && version !== range) continue;
    const entry = entryOf(name, version, parent.dev);
    if (!entry) continue;
    lock.packages[shared ? `${path}/node_modules/${name}` : `node_modules/${name}`] = entry;
    added++;
  }
}

if (added > 0) {
  const sorted = Object.entries(lock.packages).sort(([first], [second]) => first.localeCompare(second, 'en'));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(`${file}: ${added} entries added`);

function entryOf(name, version, dev) {
  const last = name.split('/').at(-1);
  const os = /android|darwin|linux|win32|freebsd|openbsd|netbsd|sunos|aix|openharmony/.exec(last)?.[0];
  const cpu = /x64|arm64|ia32|ppc64|riscv64|s390x|loong64|mips64el|wasm32|arm/.exec(
    last.replace(os ?? '', ''),
  )?.[0];
  if (name !== 'fsevents' && !cpu) return undefined;
  return {
    version,
    ...(cpu ? { cpu: [cpu] } : {}),
    ...(dev ? { dev: true } : {}),
    ...(os === 'linux' && /musl|gnu/.test(last) ? { libc: [/musl/.test(last) ? 'musl' : 'glibc'] } : {}),
    optional: true,
    ...(name === 'fsevents' ? { os: ['darwin'] } : os ? { os: [os] } : {}),
  };
}
