// The commands that a candidate has to survive before it is staged. They run in the very copy that would become live,
// without live's secrets, as a staging bot, with the copy as their instance: nothing that they start can be live, or
// open what belongs to live.

import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Failure } from '../../tool.ts';
import type { GateResult } from '../watchdog/index.ts';
import { type CommandResult, runCommand, stagingVariable } from './command.ts';

const bootCheck = 'node --import tsx src/index.ts --check';
const passedOn =
  /^(HOME|USER|LOGNAME|LANG|LC_\w+|TERM|SHELL|TMPDIR|TZ|[a-z_]*proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i;

export interface GateOptions {
  readonly commands: readonly string[];
  /** The copy, and the folder of its release. */
  readonly next: string;
  readonly folder: string;
  readonly root: string;
  readonly mark: string;
  readonly timeoutMs: number;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly progress: (message: string) => void;
}

/** Runs the gates one after the other; the first that does not pass is the last that runs. */
export async function runGates(options: GateOptions): Promise<{ gates: GateResult[]; last?: CommandResult }> {
  const gates: GateResult[] = [];
  let last: CommandResult | undefined;
  for (const [index, command] of options.commands.entries()) {
    const name = `gate ${index + 1} of ${options.commands.length}`;
    const log = `gates/${index + 1}.log`;
    options.progress(`${name}: ${command}`);
    last = await runCommand({
      command,
      directory: options.next,
      environment: gateEnvironment(options),
      log: join(options.folder, log),
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      onLine: throttle((line) => options.progress(`${name}: ${line}`)),
    });
    const verdict = last.verdict === 'aborted' ? 'failed' : last.verdict;
    const { exitCode, durationMs } = last;
    gates.push({ command, verdict, exitCode, durationMs, log });
    if (verdict !== 'passed') break;
  }
  return last === undefined ? { gates } : { gates, last };
}

/**
 * The gates that hold for a candidate: those of the configuration; else its npm script `gate:all`, else `gate`; else
 * its own boot check, where it is a bot that has one.
 */
export function chooseGates(
  configured: readonly string[] | undefined,
  next: string,
  command: readonly string[],
): readonly string[] {
  if (configured !== undefined) return configured;
  const scripts = scriptsOf(next);
  for (const name of ['gate:all', 'gate']) if (scripts[name] !== undefined) return [`npm run ${name}`];
  return command.includes('src/index.ts') ? [bootCheck] : [];
}

/** What a gate, or an installation, sees of our environment. */
export function gateEnvironment({
  next,
  root,
  mark,
  environment,
}: Pick<GateOptions, 'next' | 'root' | 'mark' | 'environment'>): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && passedOn.test(pair[0]),
  );
  const path = [
    join(next, 'node_modules', '.bin'),
    join(root, 'node_modules', '.bin'),
    dirname(process.execPath),
    environment.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  ];
  return {
    ...Object.fromEntries(kept),
    PATH: path.join(delimiter),
    // Its output goes to a log and into messages.
    NO_COLOR: '1',
    BOT_ROLE: 'staging',
    UNDERSTUDY_ROOT: next,
    [stagingVariable]: mark,
  };
}

/** At most two messages a second: they go to a terminal, or into a message that is edited. */
export function throttle(tell: (text: string) => void): (text: string) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (text) => {
    if (performance.now() - toldAt < 500) return;
    toldAt = performance.now();
    tell(text);
  };
}

function scriptsOf(next: string): Record<string, unknown> {
  const manifest = readManifest(next);
  const scripts = manifest?.scripts;
  return typeof scripts === 'object' && scripts !== null ? (scripts as Record<string, unknown>) : {};
}

/** package.json of a tree; undefined when it has none. */
export function readManifest(folder: string): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'package.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const manifest: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof manifest === 'object' && manifest !== null) return manifest as Record<string, unknown>;
  } catch {
    // The same answer as for a list or a number.
  }
  throw new Failure(
    'invalid_manifest',
    `${join(folder, 'package.json')} is not valid JSON.`,
    'Mend it, then try again; see: node -p "require(\'./package.json\')"',
  );
}
