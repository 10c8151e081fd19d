// What could stand where somebody types: verbs, options, values, and names of bots, processes and versions. A shell asks
// for it at every press of the tab key, so it is quick, says nothing else, and fails silently.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Actor } from '../../skills/tool.ts';
import type { Instance } from '../instance.ts';
import { aliasesOf, type Field, fieldsOf, flagOf, type Verb } from './program.ts';

/** Something that could be typed, and what it is. */
export interface Candidate {
  readonly value: string;
  readonly explains: string;
}

const mostNames = 200;
const longestExplanation = 70;

const globals: readonly Candidate[] = [
  { value: '--json', explains: 'answer in JSON, errors too' },
  { value: '--root', explains: 'the folder that holds config.json' },
  { value: '--help', explains: 'what it does, with examples' },
];

const listSchema = z.object({
  bots: z.array(z.object({ name: z.string(), state: z.string() })),
  processes: z.array(z.object({ id: z.string(), name: z.string(), status: z.string(), command: z.string() })),
});
const releasesSchema = z.object({ releases: z.array(z.object({ version: z.string(), state: z.string() })) });

/**
 * The candidates for the last of these words, which is what is typed so far. Names come from the instance of `--root`,
 * or the one around the current folder; none means that the shell may offer files.
 */
export async function complete(
  words: readonly string[],
  verbs: readonly Verb[],
  open: (root: string | undefined) => Instance,
  actor: Actor,
): Promise<Candidate[]> {
  const typed = words.at(-1) ?? '';
  const { verb, root, positions, awaits } = understand(words.slice(0, -1), verbs);
  const source = { open: () => open(root), actor };
  const found = await candidatesFor(typed, verb, positions, awaits, verbs, source);
  return found
    .filter(({ value }) => value.startsWith(typed))
    .map(({ value, explains }) => ({ value, explains: oneLine(explains) }));
}

type Source = { open(): Instance; actor: Actor };

async function candidatesFor(
  typed: string,
  verb: Verb | undefined,
  positions: number,
  awaits: string | undefined,
  verbs: readonly Verb[],
  source: Source,
): Promise<Candidate[]> {
  if (awaits === 'root') return [];
  if (!verb) return typed.startsWith('-') ? [...globals, version] : verbs.flatMap(namesOf);
  const { fields } = fieldsOf(verb);
  const positionals: readonly string[] = verb.positionals ?? [];
  if (awaits !== undefined) return valuesOf(verb, awaits, fields[awaits] ?? {}, source);
  if (typed.startsWith('-')) {
    const options = Object.entries(fields).filter(([name]) => !positionals.includes(name));
    const own = options.map(([name, field]) => ({ value: flagOf(name), explains: field.description ?? '' }));
    return [...own, ...globals];
  }
  const name = positionals[positions];
  return name === undefined ? [] : valuesOf(verb, name, fields[name] ?? {}, source);
}

const version: Candidate = { value: '--version', explains: 'the version of understudy' };

function namesOf(verb: Verb): Candidate[] {
  return [verb.name, ...aliasesOf(verb)].map((value) => ({ value, explains: verb.title }));
}

interface Understood {
  readonly verb: Verb | undefined;
  readonly root: string | undefined;
  readonly positions: number;
  readonly awaits: string | undefined;
}

/** What the words before say: the verb, how many of its positions are filled, and the option that awaits its value. */
function understand(words: readonly string[], verbs: readonly Verb[]): Understood {
  let verb: Verb | undefined;
  let root: string | undefined;
  let positions = 0;
  let awaits: string | undefined;
  for (const word of words) {
    // Shells of the bash kind give `--root=x` as three words.
    if (awaits !== undefined && word === '=') continue;
    if (awaits !== undefined) {
      if (awaits === 'root') root = word;
      awaits = undefined;
    } else if (word.startsWith('--root=')) {
      root = word.slice('--root='.length);
    } else if (word.startsWith('-')) {
      awaits = word === '--root' ? 'root' : optionWithValue(verb, word);
    } else if (verb) {
      positions++;
    } else {
      const name = word.replaceAll('-', '_');
      verb = verbs.find((each) => [each.name, ...aliasesOf(each)].includes(name));
      if (!verb) return unknownVerb;
    }
  }
  return { verb, root, positions, awaits };
}

/** Behind a word that is no verb there is nothing to offer, as behind an option whose value is a file. */
const unknownVerb = { verb: undefined, root: undefined, positions: 0, awaits: 'root' };

function optionWithValue(verb: Verb | undefined, word: string): string | undefined {
  const found = verb && Object.entries(fieldsOf(verb).fields).find(([name]) => flagOf(name) === word);
  return found && found[1].type !== 'boolean' ? found[0] : undefined;
}

async function valuesOf(verb: Verb, name: string, field: Field, source: Source): Promise<Candidate[]> {
  if (field.enum) return field.enum.map((value) => ({ value, explains: '' }));
  const isVersion = name === 'version' && verb.name === 'rollback';
  if (name !== 'bot' && name !== 'process' && !isVersion) return [];
  const instance = source.open();
  try {
    if (!existsSync(join(instance.root, 'memory', 'understudy.db')))
      return isVersion ? [] : [...configured(instance), ...live(verb)];
    const ask = (tool: string, input: object) =>
      instance.dispatcher.call(source.actor, tool, input, { isRepeated: true });
    if (isVersion) {
      const { releases } = releasesSchema.parse(await ask('releases', {}));
      return releases.map(({ version: value, state }) => ({ value, explains: state }));
    }
    const { bots, processes } = listSchema.parse(await ask('list', { limit: mostNames }));
    const named = bots.map(({ name: value, state }) => ({ value, explains: state }));
    return name === 'bot' ? named : unique([...named, ...processes.flatMap(processNames), ...live(verb)]);
  } finally {
    instance.close();
  }
}

/** Nothing has run yet, and looking must not make a database. */
function configured({ config }: Instance): Candidate[] {
  return ['staging', ...Object.keys(config.bots)].map((value) => ({ value, explains: '' }));
}

function processNames({
  id,
  name,
  status,
  command,
}: z.infer<typeof listSchema>['processes'][number]): Candidate[] {
  return [
    { value: name, explains: `${status}: ${command}` },
    { value: id, explains: `${status}: ${command}` },
  ];
}

function live({ name }: Verb): Candidate[] {
  return name === 'logs' ? [{ value: 'live', explains: 'the live bot' }] : [];
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((each) => [each.value, each])).values()];
}

/** A shell takes a line for a candidate, and a tab for the end of it. */
function oneLine(text: string): string {
  const flat = text.replaceAll(/\s+/g, ' ').trim();
  return flat.length > longestExplanation ? `${flat.slice(0, longestExplanation - 1)}…` : flat;
}
