// The bot's own log: pino, written as lines that people read. It goes to standard output, which the watchdog has
// pointed at logs/live.log, and synchronously, so that the last line before a crash is there
// (Node writes to files, terminals and, but for Windows, pipes before `write` returns).

import { pino } from 'pino';
import type { Logger } from '../skills/tool.ts';

const levels: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** A logger that writes `12:04:05 INFO what happened key=value`. */
export function createLogger(write: (line: string) => void = (line) => process.stdout.write(line)): Logger {
  return pino(
    { level: 'info', base: null, nestedKey: 'fields' },
    { write: (json: string) => write(humanLine(json)) },
  );
}

function humanLine(json: string): string {
  const { level, time, msg, fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = new Date(Number(time)).toISOString().slice(11, 19);
  const details = Object.entries(fields ?? {}).map(([key, value]) => ` ${key}=${show(value)}`);
  return `${clock} ${levels[Number(level)] ?? level} ${msg}${details.join('')}\n`;
}

/** A value on the one line that its entry has; it must not look like an entry of its own. */
function show(value: unknown): string {
  return typeof value === 'string' && !/[\n\r\u2028\u2029]/.test(value) ? value : JSON.stringify(value);
}
