// The limits of Discord that its schema does not state, each as a check that answers with what is wrong.

import type { BodyKind } from './check.ts';
import type { Json, SentFile } from './world.ts';

const longestContent = 2_000;
const longestEmbeds = 6_000;
const mostRows = 5;
const mostButtons = 5;
const mostCommands = 100;
const mostOptions = 25;
const longestCommand = 8_000;
const largestFile = 10 * 1024 ** 2;
const mostFiles = 10;
const componentsV2 = 1 << 15;
const optionName = /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u;

/** What is wrong with a body beyond its schema. */
export function checkLimits(kind: BodyKind, body: unknown, files: readonly SentFile[]): string[] {
  switch (kind) {
    case 'commands':
      return checkCommands(body);
    case 'command':
    case 'command edit':
      return checkCommand(body as Json);
    case 'callback':
      return checkCallback(body as Json, files);
    case 'message':
    case 'webhook message':
      return [...checkMessage(body as Json, files), ...checkNotEmpty(body as Json, files)];
    case 'message edit':
    case 'webhook edit':
      return checkMessage(body as Json, files);
    default:
      return [];
  }
}

function checkCallback({ type, data }: Json, files: readonly SentFile[]): string[] {
  const message = (data ?? {}) as Json;
  if (type === 4) return [...checkMessage(message, files), ...checkNotEmpty(message, files)];
  if (type === 7) return checkMessage(message, files);
  if (type === 9) return duplicates('custom_id', customIds(message.components));
  if (type === 8) {
    const choices = (message.choices ?? []) as { name: string; value: unknown }[];
    return choices.flatMap(({ name, value }) => [
      ...(name.trim() === '' || name.length > 100
        ? [`a choice has a name of ${name.length} characters`]
        : []),
      ...(String(value).length > 100 ? [`a choice has a value of ${String(value).length} characters`] : []),
    ]);
  }
  return [];
}

function checkMessage(body: Json, files: readonly SentFile[]): string[] {
  const content = String(body.content ?? '');
  const embeds = (body.embeds ?? []) as Json[];
  const total = embeds.reduce((sum, embed) => sum + embedLength(embed), 0);
  return [
    ...(content.length > longestContent
      ? [`content: ${content.length} characters, over ${longestContent}`]
      : []),
    ...(total > longestEmbeds ? [`embeds: ${total} characters in total, over ${longestEmbeds}`] : []),
    ...checkComponents(body),
    ...checkFiles(body, files),
    ...checkMentions(body),
  ];
}

/** An edit may leave things as they are; a new message needs something to show. */
function checkNotEmpty(body: Json, files: readonly SentFile[]): string[] {
  const shows = ['content', 'embeds', 'components', 'sticker_ids', 'poll'].some((key) => {
    const value = body[key];
    return typeof value === 'string' || Array.isArray(value) ? value.length > 0 : value != null;
  });
  return shows || files.length > 0 ? [] : ['Cannot send an empty message'];
}

function embedLength(embed: Json): number {
  const { title, description, footer, author, fields } = embed as {
    title?: string;
    description?: string;
    footer?: { text?: string };
    author?: { name?: string };
    fields?: { name: string; value: string }[];
  };
  const texts = [title, description, footer?.text, author?.name];
  const inFields = (fields ?? []).flatMap(({ name, value }) => [name, value]);
  return [...texts, ...inFields].reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

function checkComponents(body: Json): string[] {
  const rows = (body.components ?? []) as Json[];
  if ((Number(body.flags ?? 0) & componentsV2) !== 0) return duplicates('custom_id', customIds(rows));
  const problems = rows.length > mostRows ? [`components: ${rows.length} rows, over ${mostRows}`] : [];
  for (const row of rows) {
    const parts = (row.components ?? []) as Json[];
    if (row.type !== 1) problems.push(`components: type ${String(row.type)} needs the flag of components v2`);
    const selects = parts.filter(({ type }) => type !== 2).length;
    if (selects > 0 && parts.length > 1) problems.push('components: a select menu stands alone in its row');
    if (parts.length > mostButtons)
      problems.push(`components: ${parts.length} buttons in a row, over ${mostButtons}`);
    problems.push(...parts.flatMap(checkPart));
  }
  return [...problems, ...duplicates('custom_id', customIds(rows))];
}

function checkPart(part: Json): string[] {
  if (part.type === 2) {
    const isLink = part.style === 5;
    const problems = [];
    if (isLink !== (typeof part.url === 'string'))
      problems.push('button: a url belongs to links, and to them alone');
    if (!isLink && typeof part.custom_id !== 'string') problems.push('button: it has no custom_id');
    if (part.label == null && part.emoji == null) problems.push('button: it has neither label nor emoji');
    if (part.label === '') problems.push('button: its label is empty');
    return problems;
  }
  if (part.type !== 3) return [];
  const options = (part.options ?? []) as { label: string; value: string; description?: string }[];
  return [
    ...(options.length === 0 ? ['select: it has no options'] : []),
    ...(options.length > 25 ? [`select: ${options.length} options, over 25`] : []),
    ...options.flatMap(({ label, value, description = '' }) =>
      [label, value, description].some((text) => text.length > 100) ||
      label.trim() === '' ||
      value.trim() === ''
        ? [`select: an option's texts have 1 to 100 characters: ${label}`]
        : [],
    ),
    ...duplicates(
      'select value',
      options.map(({ value }) => value),
    ),
  ];
}

function customIds(components: unknown): string[] {
  if (!Array.isArray(components)) return [];
  return (components as Json[]).flatMap((part) => [
    ...(typeof part.custom_id === 'string' ? [part.custom_id] : []),
    ...customIds(part.components),
    ...customIds(part.component === undefined ? [] : [part.component]),
  ]);
}

function checkFiles(body: Json, files: readonly SentFile[]): string[] {
  const named = (body.attachments ?? []) as { id: string | number; filename?: string }[];
  const missing = files.filter((_, index) => !named.some(({ id }) => String(id) === String(index)));
  return [
    ...(files.length > mostFiles ? [`files: ${files.length}, over ${mostFiles}`] : []),
    ...files
      .filter(({ bytes }) => bytes.length > largestFile)
      .map(({ name, bytes }) => `files: ${name} has ${bytes.length} bytes, over ${largestFile}`),
    ...(named.length > 0 ? missing.map(({ name }) => `files: ${name} is not named under attachments`) : []),
  ];
}

/** Discord refuses a list of users together with the permission to mention any user. */
function checkMentions(body: Json): string[] {
  const { parse = [], users, roles } = (body.allowed_mentions ?? {}) as Record<string, string[] | undefined>;
  return [
    ...(parse.includes('users') && users?.length
      ? ['allowed_mentions: users and parse: users exclude each other']
      : []),
    ...(parse.includes('roles') && roles?.length
      ? ['allowed_mentions: roles and parse: roles exclude each other']
      : []),
  ];
}

function checkCommands(body: unknown): string[] {
  if (!Array.isArray(body)) return ['the body is not a list'];
  return [
    ...(body.length > mostCommands ? [`${body.length} commands, over ${mostCommands}`] : []),
    ...duplicates(
      'command',
      body.map(({ name }) => String(name)),
    ),
    ...body.flatMap(checkCommand),
  ];
}

function checkCommand(command: Json): string[] {
  const isChat = (command.type ?? 1) === 1;
  if (!isChat) return [];
  const length = lengthOf(command);
  return [
    ...(command.name === undefined ? [] : checkName(String(command.name))),
    ...(command.name !== undefined && !command.description ? [`${command.name}: it has no description`] : []),
    ...(length > longestCommand
      ? [`${command.name}: ${length} characters in all, over ${longestCommand}`]
      : []),
    ...checkOptions(String(command.name), command.options),
  ];
}

function checkOptions(where: string, given: unknown): string[] {
  const options = (given ?? []) as Json[];
  const isGroup = ({ type }: Json) => type === 1 || type === 2;
  const problems =
    options.length > mostOptions ? [`${where}: ${options.length} options, over ${mostOptions}`] : [];
  if (options.some(isGroup) && !options.every(isGroup))
    problems.push(`${where}: subcommands and options are mixed`);
  const firstOptional = options.findIndex((option) => !isGroup(option) && option.required !== true);
  const late = options.findIndex((option, index) => index > firstOptional && option.required === true);
  if (firstOptional >= 0 && late >= 0)
    problems.push(`${where}: a required option stands behind an optional one`);
  problems.push(
    ...duplicates(
      `${where}: option`,
      options.map(({ name }) => String(name)),
    ),
  );
  for (const option of options) {
    problems.push(...checkName(String(option.name)));
    if (option.autocomplete === true && Array.isArray(option.choices) && option.choices.length > 0) {
      problems.push(`${where} ${option.name}: autocomplete and choices exclude each other`);
    }
    for (const { name, value } of (option.choices ?? []) as { name: string; value: unknown }[]) {
      if (name.length < 1 || name.length > 100 || String(value).length > 100) {
        problems.push(`${where} ${option.name}: a choice has 1 to 100 characters: ${name}`);
      }
    }
    if (isGroup(option)) problems.push(...checkOptions(`${where} ${option.name}`, option.options));
  }
  return problems;
}

function checkName(name: string): string[] {
  return optionName.test(name) && name === name.toLowerCase()
    ? []
    : [`'${name}' is no name: lower case, letters, digits, "-" and "_", 1 to 32 of them`];
}

/** Names, descriptions and values of a command and of everything in it. */
function lengthOf(part: Json): number {
  const own = String(part.name ?? '').length + String(part.description ?? '').length;
  const choices = ((part.choices ?? []) as Json[]).reduce(
    (sum, { name, value }) => sum + String(name).length + String(value).length,
    0,
  );
  return ((part.options ?? []) as Json[]).reduce((sum, option) => sum + lengthOf(option), own + choices);
}

function duplicates(what: string, values: readonly string[]): string[] {
  const twice = values.filter((value, index) => values.indexOf(value) !== index);
  return [...new Set(twice)].map((value) => `${what} '${value}' stands there twice`);
}
