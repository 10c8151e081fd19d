// Makes the words of the command line from the catalogue: a verb for each tool, an option for each field of its
// input. Nothing here knows any tool by name.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, CommanderError, Option } from 'commander';
import { z } from 'zod';
import { Failure, type Permission, type Tool } from '../../skills/tool.ts';
import { didYouMean } from '../config.ts';
import type { OwnVerb } from './own-verb.ts';

/** One command line, understood. */
export interface Call {
  readonly verb: Tool | OwnVerb;
  readonly input: Record<string, unknown>;
  readonly json: boolean;
  readonly root: string | undefined;
}

/** Whatever stands behind a word of the command line. */
export type Verb = Tool | OwnVerb;

/** A parser of command lines; it answers with nothing when the words asked for help only. */
export interface Program {
  parse(words: readonly string[]): Promise<Call | undefined>;
}

/** What a field of a tool's input looks like in JSON Schema. */
export interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
}

const versionFlags = ['-V', '--version'];
/** So many, and so long, that they can be read at a glance. */
const mostExamples = 12;
const longestExample = 28;

/** The headings of the overview, by the right that a tool needs. */
const headings: Record<Permission | 'own', string> = {
  read: 'Look:',
  operate: 'Run bots and processes:',
  deploy: 'Change the bot itself:',
  own: 'Set up and serve:',
};

/** The verbs as the command line has them: in a shell one of its own does more than the tool of its name, which it calls. */
export function verbsOf(catalogue: readonly Tool[], own: readonly OwnVerb[]): Verb[] {
  return [...catalogue.filter(({ name }) => !own.some((verb) => verb.name === name)), ...own];
}

/** Builds the program of these verbs. */
export function buildProgram(codeRoot: string, verbs: readonly Verb[]): Program {
  let call: Call | undefined;
  const program = new Command('understudy')
    .description('Manages this bot, its understudy, and every other process of the machine.')
    .showHelpAfterError(false)
    .addHelpText('after', overview(verbs));
  addGlobalOptions(program);
  quiet(program);
  program.action(() => {
    const [word] = program.args;
    if (word !== undefined) throw unknownVerb(word, verbs);
    program.help();
  });
  program.allowExcessArguments(true);
  for (const each of verbs) {
    const command = commandOf(each, (input, options) => {
      const { json, root } = { ...program.opts(), ...options } as { json?: boolean; root?: string };
      call = { verb: each, input, json: json === true, root };
    });
    program.addCommand(command.helpGroup(headings['permission' in each ? each.permission : 'own']));
  }
  return {
    async parse(words) {
      const given = dashesToUnderscores(words, verbs);
      // Behind a verb it is the verb's own option: `promote --version v1.10` asks nothing about this program.
      const names = namesOf(verbs);
      const first = given.find((word) => names.has(word) || versionFlags.includes(word));
      if (first === undefined || !names.has(first))
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

function commandOf(verb: Verb, accept: (input: Record<string, unknown>, globals: object) => void): Command {
  const command = describeVerb(verb);
  for (const alias of aliasesOf(verb)) command.alias(alias);
  const { fields, required } = fieldsOf(verb);
  const positionals: readonly string[] = verb.positionals ?? [];
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

/** What a verb takes. */
export function fieldsOf(verb: Verb): { fields: Record<string, Field>; required: ReadonlySet<string> } {
  const schema = z.toJSONSchema(verb.input, { io: 'input' });
  return {
    fields: (schema.properties ?? {}) as Record<string, Field>,
    required: new Set(schema.required ?? []),
  };
}

/** Its other names. */
export function aliasesOf(verb: Verb): readonly string[] {
  return 'aliases' in verb ? (verb.aliases ?? []) : [];
}

function describeVerb({ name, title, description, examples = [] }: Verb): Command {
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
  const flag = flagOf(name);
  const made = new Option(
    field.type === 'boolean' ? flag : `${flag} <${valueName(field)}>`,
    describeField(field),
  );
  // The tool's schema fills in defaults; here they are only shown.
  made.attributeName = () => name;
  if (field.type !== 'boolean') made.argParser((text) => convert(name, field, text));
  return isRequired ? made.makeOptionMandatory() : made;
}

/** `dryRun` as it is typed: `--dry-run`. */
export function flagOf(name: string): string {
  return `--${name.replace(/_/g, '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
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

function overview(tools: readonly Verb[]): string {
  const examples = tools
    .flatMap((tool) => tool.examples?.slice(0, 1) ?? [])
    .filter(({ command }) => command.length <= longestExample)
    .slice(0, mostExamples);
  const lines = examples.map(
    (example) => `  $ understudy ${example.command.padEnd(longestExample)} ${example.explains}`,
  );
  return `\nExamples:\n${lines.join('\n')}\n\nMore about a verb: understudy VERB --help`;
}

function unknownVerb(word: string, verbs: readonly Verb[]): Failure {
  const names = [...namesOf(verbs)];
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
function dashesToUnderscores(words: readonly string[], verbs: readonly Verb[]): string[] {
  const names = namesOf(verbs);
  return words.map((word) => {
    const name = word.replaceAll('-', '_');
    return !word.startsWith('-') && word.includes('-') && names.has(name) ? name : word;
  });
}

function namesOf(verbs: readonly Verb[]): Set<string> {
  return new Set(verbs.flatMap((verb) => [verb.name, ...aliasesOf(verb)]));
}

/** Of the code that runs. */
export function versionOf(codeRoot: string): string {
  const { version } = JSON.parse(readFileSync(join(codeRoot, 'package.json'), 'utf8')) as { version: string };
  return version;
}
