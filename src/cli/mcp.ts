// `understudy mcp`: the catalogue for other agents, over standard input and output. Whoever starts it is who acts, with
// the policy's questions asked through their client.

import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import type { Actor, Logger, View } from '../../skills/tool.ts';
import type { Instance } from '../instance.ts';
import { claimStdout, serveMcp } from '../mcp/index.ts';
import { openFresh } from './fresh-instance.ts';
import { ownVerb } from './own-verb.ts';
import { versionOf } from './program.ts';
import { printable, renderView } from './render.ts';

/** How the verb is shown in help. */
export const mcpVerb = ownVerb({
  name: 'mcp',
  title: 'Serve the tools to other agents (MCP)',
  description:
    'Offers every tool to an agent that speaks the Model Context Protocol, over standard input and output, until the input ends. The agent starts this command itself: see docs/mcp.md for what to write into its settings. What the policy asks about is asked through the agent; where it cannot ask, the call is refused.',
  examples: [
    { command: 'mcp --root /srv/bot', explains: 'what an agent starts, as the person whose settings say so' },
  ],
  input: z.strictObject({}),
  run({ open, actor, codeRoot, loaded, tell: warn }) {
    for (const { name, reason } of loaded.failures) warn(`warning: skills/${name} does not load: ${reason}`);
    return mcp(open, actor, versionOf(codeRoot));
  },
});

/** Serves until the client goes or the process is told to end; returns the exit code. */
async function mcp(
  open: (logger: Logger, tolerateBroken: boolean) => Instance,
  who: Actor,
  version: string,
): Promise<number> {
  // First of all: not even what goes wrong from here on may be taken for an answer.
  const output = claimStdout();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => (stop.signal.aborted ? process.exit(1) : stop.abort()));
  }
  const instance = openFresh((tolerateBroken) => open(logger, tolerateBroken));
  if (process.stdin.isTTY)
    logger.info({}, 'this speaks MCP, and no person; Ctrl-D ends it (see docs/mcp.md)');
  try {
    await serveMcp({
      version,
      instructions: describe(instance.first),
      tools: instance.first.catalogue.entries,
      dispatcher: instance.dispatcher,
      actor: { ...who, id: `mcp:${who.name}`, surface: 'mcp' },
      logger,
      input: process.stdin,
      output,
      stop: stop.signal,
      draw: (view) => renderView(withoutColours(view), Number.POSITIVE_INFINITY),
    });
  } finally {
    instance.close();
  }
  // Whatever a tool has left pending must not hold a process that nobody speaks to any more.
  setTimeout(() => process.exit(0), 0);
  return 0;
}

/** What programs coloured is plain to a model. */
function withoutColours(view: View): View {
  const plain = (_: string, value: unknown) =>
    typeof value === 'string' ? stripVTControlCharacters(value) : value;
  return JSON.parse(JSON.stringify(view, plain)) as View;
}

function describe({ root, config }: Instance): string {
  const role =
    config.environment.role === 'staging'
      ? ' This is a staging bot (BOT_ROLE=staging): it may manage nothing, and every such tool is refused.'
      : '';
  return `Manages the bots, the processes and the releases of ${root}. Some calls are shown to a person first, who may say no.${role}`;
}

/** To the standard error, which clients keep as the log of a server. */
const logger: Logger = {
  debug: () => {},
  info: (fields, message) => tell('info', fields, message),
  warn: (fields, message) => tell('warning', fields, message),
  error: (fields, message) => tell('error', fields, message),
};

function tell(level: string, fields: object, message: string): void {
  const details = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  process.stderr.write(`${level}: ${printable(message)}${details}\n`);
}
