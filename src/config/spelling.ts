// Keys of bots and global settings may be written in snake_case (as bot_config.yaml always did) or in camelCase
// (as the rest of config.json does), in either file. Here they get the one spelling that the schema knows.

import { settingsKeys } from '../../skills/process-manager/index.ts';

type Plain = Record<string, unknown>;

/** The same object with canonical keys; a key given in both spellings is a problem. */
export function canonicalSpelling(file: string, raw: Plain, problems: string[]): Plain {
  const result = rename(file, '', raw, ['bots', 'globalSettings'], problems);
  // In YAML a heading with nothing below it is null, and means nothing.
  for (const key of ['bots', 'globalSettings']) if (result[key] === null) result[key] = {};
  if (isPlain(result.globalSettings)) {
    const { globalSettings } = result;
    result.globalSettings = rename(
      file,
      'globalSettings.',
      globalSettings,
      settingsKeys.globalSettings,
      problems,
    );
  }
  if (isPlain(result.bots)) {
    result.bots = Object.fromEntries(
      Object.entries(result.bots).map(([name, bot]) => [
        name,
        isPlain(bot) ? rename(file, `bots.${name}.`, bot, settingsKeys.bot, problems) : bot,
      ]),
    );
  }
  return result;
}

function rename(
  file: string,
  where: string,
  raw: Plain,
  known: readonly string[],
  problems: string[],
): Plain {
  const result: Plain = {};
  for (const [key, value] of Object.entries(raw)) {
    const canonical = known.includes(key) ? key : (known.find((name) => snake(name) === snake(key)) ?? key);
    if (Object.hasOwn(result, canonical)) {
      problems.push(`${file}: ${where}${canonical}: this key is given twice, in two spellings.`);
    }
    result[canonical] = value;
  }
  return result;
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
