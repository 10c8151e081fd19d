// Makes the words of the command line from the catalogue: a verb for each tool, an option for each field of its
// input. Nothing here knows any tool by name.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, CommanderError, Option } from 'commander';
import { z } from 'zod';
import { Failure, type Tool } from '../../skills/tool.ts';
import { didYouMean } from '../config.ts';

/** One command line, understood: a tool with its input, or a verb of the command line's own. */
export interface Call {
  readonly tool: Tool | undefined;
  /** The verb that was typed. */
  readonly verb: string;
  readonly input: Record<string, unknown>;
  readonly json: boolean;
  readonly root: string | undefined;
}

/** A verb that is no tool, since it makes sense in a shell only. */
export type OwnVerb = Pick<Tool, 'name' | 'title' | 'description' | 'examples'>;

/** A parser of command lines; it answers with nothing when the words asked for help only. */
export interface Program {
  parse(words: readonly string[]): Promise<Call | undefined>;
}

/** What a field of a tool's input looks like in JSON Schema. */
interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
}

const versionFlags = ['-V', '--version'];

/** Builds the program of a catalogue. */
export function buildProgram(codeRoot: string, catalogue: readonly Tool[], own: readonly OwnVerb[]): Program {
  let call: Call | undefined;
  // In a shell the verb does more than the tool of its name, which it calls.
  const tools = catalogue.filter(({ name }) => !own.some((verb) => verb.name === name));
  const program = new Command('understudy')
    .description('Manages this bot, its understudy, and every other process of the machine.')
    .showHelpAfterError(false)
    .addHelpText('after', overview([...tools, ...own]));
  addGlobalOptions(program);
  quiet(program);
  program.action(() => {
    const [word] = program.args;
    if (word !== undefined) throw unknownVerb(word, [...tools, ...own]);
    program.help();
  });
  program.allowExcessArguments(true);
  for (const tool of tools) {
    program.addCommand(
      verb(tool, (input, options) => {
        const { json, root } = { ...program.opts(), ...options } as { json?: boolean; root?: string };
        call = { tool, verb: tool.name, input, json: json === true, root };
      }),
    );
  }
  for (const { name, ...rest } of own) {
    const command = describeVerb({ name, ...rest }).action(() => {
      const { json, root } = { ...program.opts(), ...command.opts() } as { json?: boolean; root?: string };
      call = { tool: undefined, verb: name, input: {}, json: json === true, root };
    });
    addGlobalOptions(command);
    program.addCommand(command);
  }
  return {
    async parse(words) {
      const given = dashesToUnderscores(words, [...tools, ...own]);
      // Behind a verb it is the verb's own option: `promote --version v1.10` asks nothing about this program.
      const verbs = namesOf([...tools, ...own]);
      const first = given.find((word) => verbs.has(word) || versionFlags.includes(word));
      if (first === undefined || !verbs.has(first))
        program.version(versionOf(codeRoot), versionFlags.join(', '));
      try {
        await program.parseAsync(given, { from: 'user' });
        return call;
      } catch (error) {
        if (!(error instanceof CommanderError)) throw error;
        if (error.exitCode === 0) return undefined;
        throw usage(error);
      }
    },
  };
}

function verb(tool: Tool, accept: (input: Record<string, unknown>, globals: object) => void): Command {
  const command = describeVerb(tool);
  for (const alias of tool.aliases ?? []) command.alias(alias);
  const schema = z.toJSONSchema(tool.input, { io: 'input' });
  const fields = (schema.properties ?? {}) as Record<string, Field>;
  const required = new Set(schema.required ?? []);
  const positionals: readonly string[] = tool.positionals ?? [];
  for (const name of positionals) command.addArgument(argument(name, fields[name] ?? {}, required.has(name)));
  for (const [name, field] of Object.entries(fields)) {
    if (!positionals.includes(name)) command.addOption(option(name, field, required.has(name)));
  }
  addGlobalOptions(command);
  command.action((...given: unknown[]) => {
    const { json, root, ...options } = command.opts();
    const input: Record<string, unknown> = { ...options };
    positionals.forEach((name, index) => {
      if (given[index] !== undefined) input[name] = given[index];
    });
    accept(input, { ...(json === undefined ? {} : { json }), ...(root === undefined ? {} : { root }) });
  });
  return command;
}

function describeVerb({ name, title, description, examples = [] }: OwnVerb): Command {
  const command = new Command(name).description(description).summary(title);
  quiet(command);
  const lines = examples.map((example) => `  $ understudy ${example.command}\n      ${example.explains}`);
  return lines.length === 0 ? command : command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

function argument(name: string, field: Field, isRequired: boolean): Argument {
  const made = new Argument(isRequired ? `<${name}>` : `[${name}]`, describeField(field));
  return made.argParser((text) => convert(name, field, text));
}

function option(name: string, field: Field, isRequired: boolean): Option {
  // commander would take it for the negation of another option, and for given when it is not.
  if (/^no[A-Z]/.test(name)) throw new Error(`a field may not be called ${name}: name what it does`);
  const flag = `--${name.replace(/_/g, '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const made = new Option(
    field.type === 'boolean' ? flag : `${flag} <${valueName(field)}>`,
    describeField(field),
  );
  // The tool's schema fills in defaults; here they are only shown.
  made.attributeName = () => name;
  if (field.type !== 'boolean') made.argParser((text) => convert(name, field, text));
  return isRequired ? made.makeOptionMandatory() : made;
}

/** A word of the command line as the schema wants it; what does not fit is left for the schema to refuse. */
function convert(name: string, field: Field, text: string): unknown {
  if (field.type !== 'number' && field.type !== 'integer') return text;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new Failure('usage', `${name} takes a number, and '${text}' is none.`, 'For example: 10');
}

function describeField({ description, default: fallback, enum: choices }: Field): string {
  const allowed = choices ? ` (${choices.join('|')})` : '';
  const otherwise = fallback === undefined || fallback === false ? '' : ` (default: ${String(fallback)})`;
  return `${description ?? ''}${allowed}${otherwise}`;
}

function valueName({ type, enum: choices }: Field): string {
  if (choices) return choices.join('|');
  return type === 'number' || type === 'integer' ? 'number' : 'text';
}

function addGlobalOptions(command: Command): void {
  command.option('--json', 'answer in JSON, errors too');
  command.option(
    '--root <dir>',
    'the folder that holds config.json (default: here or above; UNDERSTUDY_ROOT)',
  );
}

/** commander neither prints errors nor ends the process: that is one place's work, in index.ts. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => {} });
}

function overview(tools: readonly OwnVerb[]): string {
  const examples = tools.flatMap((tool) => tool.examples?.slice(0, 1) ?? []);
  const lines = examples.map((example) => `  $ understudy ${example.command.padEnd(28)} ${example.explains}`);
  return `\nExamples:\n${lines.join('\n')}\n\nMore about a verb: understudy VERB --help`;
}

function unknownVerb(word: string, verbs: readonly (OwnVerb & Pick<Tool, 'aliases'>)[]): Failure {
  const names = verbs.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])]);
  const meant = didYouMean(word, names);
  return new Failure(
    'usage',
    `'${word}' is not a verb of understudy.${meant ? ` Did you mean '${meant}'?` : ''}`,
    meant ? `Try: understudy ${meant}` : `The verbs are: ${names.join(', ')}`,
  );
}

function usage(error: CommanderError): Failure {
  const message = error.message.replace(/^error: /, '').replace(/\n\((.+)\)$/, '. $1');
  return new Failure('usage', message, 'See: understudy --help, or understudy VERB --help');
}

/** `self-restart` is how people type `self_restart`. */
function dashesToUnderscores(
  words: readonly string[],
  verbs: readonly (OwnVerb & Pick<Tool, 'aliases'>)[],
): string[] {
  const names = namesOf(verbs);
  return words.map((word) => {
    const name = word.replaceAll('-', '_');
    return !word.startsWith('-') && word.includes('-') && names.has(name) ? name : word;
  });
}

function namesOf(verbs: readonly (OwnVerb & Pick<Tool, 'aliases'>)[]): Set<string> {
  return new Set(verbs.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])]));
}

function versionOf(codeRoot: string): string {
  const { version } = JSON.parse(readFileSync(join(codeRoot, 'package.json'), 'utf8')) as { version: string };
  return version;
}
