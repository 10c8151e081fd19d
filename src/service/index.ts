// The only door of the boot service: what would be done, doing it, undoing it, and how it is. A file that we did not
// write is never overwritten or removed, and everything may be done again.

import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../../skills/tool.ts';
import { leftovers } from './leftovers.ts';
import { type Choice, requireManager, runCommand, surroundingsOf } from './machine.ts';
import { planService } from './plan.ts';
import { type Command, type Manager, marker, type Scope, type Service } from './service.ts';
import { commandInWords, shellWord, stepsInWords } from './words.ts';

export { planService } from './plan.ts';
export type { ServiceOptions } from './service.ts';
export { stepsInWords } from './words.ts';

/** What is asked for. */
export interface ServiceRequest extends Choice {
  readonly dryRun: boolean;
  /** Replace or remove a file that somebody else wrote, too. */
  readonly force: boolean;
  /** Says what is done, before it is done. */
  tell(message: string): void;
}

/** What was done, or would be. */
export interface ServiceAnswer {
  readonly name: string;
  readonly manager: Manager;
  readonly scope: Scope;
  readonly file: string;
  /** What the file says; null where it is removed. */
  readonly content: string | null;
  readonly commands: readonly (readonly string[])[];
  readonly changed: boolean;
  readonly notes: readonly string[];
}

/** How the service of an instance is. */
export interface ServiceStatus {
  readonly name: string;
  readonly manager: Manager;
  readonly scope: Scope;
  readonly file: string;
  readonly installed: boolean;
  /** Whether the file is what an installation would write now; null where there is none. */
  readonly current: boolean | null;
  /** What the service manager says of it; null where it cannot be asked. */
  readonly state: string | null;
  readonly notes: readonly string[];
}

/** Writes the file of the service and makes it known. */
export function installService(request: ServiceRequest): ServiceAnswer {
  const { service, options } = planned(request);
  if (!existsSync(join(options.root, 'watchdog.js'))) {
    throw new Failure(
      'watchdog_missing',
      `${options.root} has no watchdog.js, so there is nothing that a service could start.`,
      `Make the folder an instance first: understudy init ${shellWord(options.root)}`,
    );
  }
  const commands = service.enable.map(({ words }) => words);
  const found = contentOf(service);
  // Where there is a service already, the watchdog is its own; stopping that would stop the bot for good.
  const isRunning = found === undefined && existsSync(join(options.root, '.watchdog.lock'));
  const notes = [
    ...service.notes,
    ...(isRunning
      ? ['A watchdog seems to run here already. Stop it, and the service takes over within seconds.']
      : []),
    ...leftovers(service, options),
  ];
  const answer = { ...describe(service, options), content: service.content, commands, notes };
  if (request.dryRun) return { ...answer, changed: false };
  requireManager(options);
  requireOurs(service, found, request.force);
  request.tell(stepsInWords(answer));
  if (found !== service.content) writeWhole(service);
  runAll(service.enable);
  const changed = found !== service.content;
  if (!changed || found === undefined || !service.restart) return { ...answer, changed, notes };
  const restart = `What runs now goes on by the old file until it is started anew: ${service.restart.map(commandInWords).join('; ')}`;
  return { ...answer, changed, notes: [...notes, restart] };
}

/** Ends the service, and removes its file. */
export function uninstallService(request: ServiceRequest): ServiceAnswer {
  const { service, options } = planned(request);
  const found = contentOf(service);
  const commands = [...service.disable, ...service.forget].map(({ words }) => words);
  const answer = { ...describe(service, options), content: null, notes: [] };
  if (found === undefined) {
    return {
      ...answer,
      commands: [],
      changed: false,
      notes: [`There is no ${service.file}: nothing to do.`, ...leftovers(service, options)],
    };
  }
  requireOurs(service, found, request.force);
  if (request.dryRun) return { ...answer, commands, changed: false };
  requireManager(options);
  request.tell(stepsInWords({ ...answer, commands }));
  runAll(service.disable);
  guarded(service.file, () => rmSync(service.file));
  runAll(service.forget);
  return { ...answer, commands, changed: true };
}

/** Looks at file and service manager; changes nothing. */
export function serviceStatus(choice: Choice): ServiceStatus {
  const { service, options } = planned(choice);
  const found = contentOf(service);
  const answer = {
    ...describe(service, options),
    installed: found !== undefined,
    current: found === undefined ? null : found === service.content,
  };
  try {
    requireManager({ ...options, userId: 0 });
  } catch (error) {
    const why = error instanceof Failure ? error.message : String(error);
    return { ...answer, state: null, notes: [why, ...leftovers(service, options)] };
  }
  const { code, stdout, stderr } = runCommand(service.query);
  const isForeign = found !== undefined && !isOurs(found);
  return {
    ...answer,
    state: code === 0 ? stdout.trim() : null,
    notes: [
      ...(code === 0 ? [] : [stderr || 'the service manager knows nothing of it']),
      ...(isForeign ? ['Somebody else wrote this file; it is left alone.'] : []),
      ...leftovers(service, options),
    ],
  };
}

function planned(choice: Choice): { service: Service; options: ReturnType<typeof surroundingsOf> } {
  const options = surroundingsOf(choice);
  return { options, service: planService(options) };
}

function describe(
  { name, file }: Service,
  { manager, scope }: { manager: Manager; scope: Scope },
): Pick<ServiceAnswer, 'name' | 'manager' | 'scope' | 'file'> {
  return { name, manager, scope, file };
}

/** What stands in the file now; a link or a folder in its place is nobody's text. */
function contentOf({ file, encoding }: Service): string | undefined {
  return guarded(file, () => {
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (!found) return undefined;
    return found.isFile() ? readFileSync(file, encoding).replace(/^\uFEFF/, '') : '';
  });
}

function isOurs(content: string): boolean {
  return content.includes(marker);
}

function requireOurs({ file }: Service, found: string | undefined, force: boolean): void {
  if (found === undefined || force || isOurs(found)) return;
  throw new Failure(
    'service_foreign',
    `${file} is there already, and Understudy did not write it.`,
    'Look at it first. With --force it is replaced all the same.',
  );
}

/** Afterwards the old file or the new one is there, whatever happens. */
function writeWhole({ file, content, encoding }: Service): void {
  guarded(file, () => {
    mkdirSync(dirname(file), { recursive: true });
    const fresh = `${file}.new-${process.pid}`;
    try {
      writeFileSync(fresh, encoding === 'utf8' ? content : `\uFEFF${content}`, { encoding, mode: 0o644 });
      renameSync(fresh, file);
    } finally {
      rmSync(fresh, { force: true });
    }
  });
}

function guarded<Result>(file: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw new Failure(
      'service_file',
      `${file} could not be read or written: ${(error as Error).message}`,
      `Look at it with: ls -ld ${shellWord(dirname(file))}`,
      { cause: error },
    );
  }
}

function runAll(commands: readonly Command[]): void {
  for (const { words, mayFail } of commands) {
    const { code, stderr } = runCommand(words);
    if (code === 0 || mayFail) continue;
    const isUser = words.includes('--user');
    throw new Failure(
      'service_command',
      `'${commandInWords(words)}' failed${stderr ? `: ${stderr}` : ` with exit code ${code}`}`,
      isUser && /bus|session|XDG_RUNTIME_DIR/i.test(stderr)
        ? 'Log in as this user itself (not by su or sudo), or run: loginctl enable-linger, then try again.'
        : 'Mend that, then say the same again: whatever is done already stays as it is.',
    );
  }
}
