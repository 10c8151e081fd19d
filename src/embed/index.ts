// What this repository is as a package: the process manager for a bot that somebody else wrote. The same instance,
// dispatcher and rules as in our own bot; nothing here knows discord.js, which only hands in what it was told.

import { resolve } from 'node:path';
import type { RESTPostAPIChatInputApplicationCommandsJSONBody } from 'discord.js';
import processManager from '../../skills/process-manager/index.ts';
import {
  type Actor,
  type Bot,
  type Caller,
  type Dispatcher,
  Failure,
  isFailure,
  type Logger,
  type Running,
  type Tool,
} from '../../skills/tool.ts';
import { commandsOf, findTool, inputOf } from '../discord/commands.ts';
import type { Payload } from '../discord/render/payload.ts';
import { createWriter } from '../discord/render/writer.ts';
import { openInstance } from '../instance.ts';

export { createDispatcher, defineTool } from '../../skills/dispatch.ts';
export { createMask } from '../../skills/process-manager/index.ts';
export type * from '../../skills/tool.ts';
export { Failure, isFailure } from '../../skills/tool.ts';
export { processManager };

/** Where the process manager works, and for whom. */
export interface ProcessManagerOptions {
  /** The instance root: the folder of the bot. Without a config.json in it, every setting has its default. */
  readonly root: string;
  /** Secrets in it are masked; `process.env` unless given. `.env` of the root is read as well. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Warnings go to standard error unless another is given. */
  readonly logger?: Logger;
}

/** A slash command as discord.js tells of it: any `ChatInputCommandInteraction` is one. */
export interface AskedCommand {
  readonly commandName: string;
  readonly options: {
    readonly data: readonly {
      readonly name: string;
      readonly options?: readonly { readonly name: string; readonly value?: unknown }[];
    }[];
  };
}

/** What to answer with: takes the place of the options of `editReply`. */
export interface Reply {
  readonly content: string;
  readonly files: readonly { readonly name: string; readonly attachment: Buffer }[];
  /** Text of logs never mentions anybody. */
  readonly allowedMentions: { readonly parse: readonly never[] };
}

/** The process manager of one folder. */
export interface ProcessManager {
  readonly tools: readonly Tool[];
  /** For other ways to call a tool: a model, a page, a script. */
  readonly dispatcher: Dispatcher;
  /** `/process` with all of its verbs, for `client.application.commands.set`. */
  readonly slashCommands: readonly RESTPostAPIChatInputApplicationCommandsJSONBody[];
  /**
   * Carries out what somebody typed, by their rights, and says what became of it: also what went wrong, which is why
   * this never rejects. Where the policy asks first (`promote`, `rollback`, unknown commands), `caller.confirm` does.
   * Whatever surface the actor names, it is Discord's: masked, and not confirmed by having been typed.
   */
  answer(asked: AskedCommand, actor: Actor, caller?: Caller): Promise<Reply>;
  /** Fires hooks, restarts bots and trims logs from now on. */
  start(bot?: Partial<Omit<Bot, 'dispatcher'>>): Required<Running>;
  /** Ends what `start` began and closes the database; bots and processes run on. */
  close(): void;
}

/** Opens the process manager of a folder; a Failure where its configuration cannot be used. */
export function openProcessManager(options: ProcessManagerOptions): ProcessManager {
  const { environment = process.env, logger = quietLogger } = options;
  // Processes run in folders of their own, from which a relative path would lead elsewhere.
  const root = resolve(options.root);
  const loaded = { skills: [processManager], failures: [] };
  const instance = openInstance({ root, loaded, environment, logger });
  const tools = instance.catalogue.entries;
  const started = new Set<Required<Running>>();
  let isClosed = false;
  const verbs = new Map(tools.map(({ tool, skill }) => [tool.name, skill.prefix]));
  // What comes out of the dispatcher is masked already.
  const writer = createWriter((text) => text, verbs);
  return {
    tools: tools.map(({ tool }) => tool),
    dispatcher: instance.dispatcher,
    // Ours cannot be changed, and discord.js does not say that it changes none: it gets copies.
    slashCommands: structuredClone(commandsOf(tools, () => false).commands) as SlashCommands,
    async answer({ commandName, options: { data } }, actor, caller) {
      try {
        if (isClosed) throw closed;
        const [verb] = data;
        const found = findTool(tools, commandName, verb?.name ?? null);
        if (!found || !verb) throw unknownCommand;
        const { tool } = found;
        const output = await instance.dispatcher.call(
          { ...actor, surface: 'discord' },
          tool.name,
          inputOf(tool, verb.options ?? []),
          caller,
        );
        const view = tool.present?.(output) ?? { text: JSON.stringify(output, null, 2) };
        return replyOf(writer.result(tool.name, view, [], tool.isFailure(output)));
      } catch (error) {
        return replyOf(writer.failure(asFailure(error)));
      }
    },
    start(bot = {}) {
      if (isClosed) throw closed;
      const notify: Bot['notify'] = ({ text }) => logger.info({}, text);
      const running = instance.startSkills({ notify, ...bot });
      started.add(running);
      return running;
    },
    close() {
      isClosed = true;
      // Whatever still ran would work on a closed database, and keep others from supervising.
      for (const running of started) running.stop();
      started.clear();
      instance.close();
    },
  };
}

type SlashCommands = RESTPostAPIChatInputApplicationCommandsJSONBody[];

const unknownCommand = new Failure(
  'unknown_command',
  'This is no command of the process manager.',
  'Type / to see those that there are.',
);

const closed = new Failure(
  'closed',
  'This process manager was closed by its program.',
  'Open it anew: openProcessManager({ root })',
);

function replyOf({ content, files = [] }: Payload): Reply {
  return {
    content,
    files: files.map(({ name, data }) => ({ name, attachment: Buffer.from(data) })),
    allowedMentions: { parse: [] },
  };
}

function asFailure(error: unknown): Failure {
  if (isFailure(error)) return error;
  return new Failure('internal', `Something went wrong: ${String(error)}`, 'Run: understudy doctor', {
    cause: error,
  });
}

const quietLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
};
