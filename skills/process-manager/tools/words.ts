// How tools put times and sizes into words.

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

/** How long ago a moment was, in the largest unit that fits: `3 min ago`. */
export function age(moment: string, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(moment)) / 1_000));
  for (const [unit, length] of units) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

/** How long something lasts, in its two largest units: `3 h 12 min`. */
export function duration(seconds: number): string {
  const all = [...units, ['s', 1] as const];
  const index = all.findIndex(([, length]) => seconds >= length);
  const [first, second] = [all[index], all[index + 1]];
  if (!first) return '0 s';
  const rest = seconds % first[1];
  const more = second && rest >= second[1] ? ` ${Math.floor(rest / second[1])} ${second[0]}` : '';
  return `${Math.floor(seconds / first[1])} ${first[0]}${more}`;
}

/** An amount of bytes: `12.3 MB`. */
export function size(bytes: number): string {
  const names = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(names.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${names[power]}`;
}
