// The part of `doctor` that only the host can see: configuration, database, skills, tokens.

import type { Database } from 'better-sqlite3';
import type { LoadedSkills } from '../skills/registry.ts';
import { type Failure, type Finding, isFailure } from '../skills/tool.ts';
import type { Config } from './config.ts';

/** What is looked at. */
interface Subject {
  readonly config: Config;
  /** Why config.json could not be used, when it could not. */
  readonly problem: Failure | undefined;
  readonly loaded: LoadedSkills;
  readonly unknownRules: readonly string[];
  database(): Database;
}

/** Everything that the host knows of its own health. */
export function diagnose(subject: Subject): Finding[] {
  return [
    checkConfig(subject),
    ...subject.unknownRules.map((rule) => ({
      name: 'policy',
      status: 'problem' as const,
      message: `"policy" in config.json speaks of '${rule}', and there is no such tool: the rule protects nothing.`,
      hint: 'The tools are listed by: understudy --help',
    })),
    checkDatabase(subject),
    ...checkSkills(subject.loaded),
    checkDiscord(subject.config),
    checkModel(subject.config),
  ];
}

function checkConfig({ problem }: Subject): Finding {
  if (!problem) return { name: 'configuration', status: 'ok', message: 'config.json is valid' };
  return { name: 'configuration', status: 'problem', message: problem.message, hint: problem.hint };
}

function checkDatabase({ database }: Subject): Finding {
  try {
    const result = database().prepare('PRAGMA quick_check(1)').pluck().get();
    if (result === 'ok') return { name: 'database', status: 'ok', message: 'memory/understudy.db is sound' };
    return {
      name: 'database',
      status: 'problem',
      message: `memory/understudy.db is damaged: ${String(result)}`,
      hint: 'Stop the bot and put back a copy from backups/database/, or move the file away to start anew.',
    };
  } catch (error) {
    const hint = isFailure(error) ? error.hint : 'Run: npm ci';
    return { name: 'database', status: 'problem', message: (error as Error).message, hint };
  }
}

function checkSkills({ skills, failures }: LoadedSkills): Finding[] {
  return [
    { name: 'skills', status: 'ok', message: `loaded: ${skills.map(({ name }) => name).join(', ')}` },
    ...failures.map(({ name, reason }) => ({
      name: 'skills',
      status: 'problem' as const,
      message: `skills/${name} does not load: ${reason}`,
      hint: `Mend skills/${name}, or move it away: the other skills work without it.`,
    })),
  ];
}

function checkDiscord({ environment }: Config): Finding {
  const { token, ownerIds } = environment.discord;
  if (token === undefined) {
    return {
      name: 'discord',
      status: 'warning',
      message: 'no DISCORD_TOKEN, so the bot is not on Discord; everything else works.',
      hint: 'Make a bot at https://discord.com/developers/applications and put its token into .env',
    };
  }
  if (ownerIds.length === 0) {
    return {
      name: 'discord',
      status: 'warning',
      message: 'no DISCORD_OWNER_ID, so nobody on Discord is an owner.',
      hint: 'Put your Discord user id into .env',
    };
  }
  return { name: 'discord', status: 'ok', message: `token present, ${ownerIds.length} owner(s)` };
}

function checkModel({ environment }: Config): Finding {
  const present = (['anthropic', 'openai'] as const).filter((name) => environment[name].apiKey !== undefined);
  if (present.length > 0) {
    return { name: 'language model', status: 'ok', message: `key present for ${present.join(' and ')}` };
  }
  // A server of one's own may want no key.
  const addressed = (['anthropic', 'openai'] as const).find(
    (name) => environment[name].baseUrl !== undefined,
  );
  if (addressed) {
    return {
      name: 'language model',
      status: 'ok',
      message: `address present for ${addressed}, without a key`,
    };
  }
  return {
    name: 'language model',
    status: 'warning',
    message: 'no API key, so the agent does not answer; every command works.',
    hint: 'Put ANTHROPIC_API_KEY or OPENAI_API_KEY into .env',
  };
}
