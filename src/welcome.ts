// What the bot says when it starts: what works now, and what to set for the rest.

import type { Instance } from './instance.ts';

/** A few lines for the terminal. */
export function welcome({ root, config, catalogue, models }: Instance): string {
  const { discord, role } = config.environment;
  const { entries } = catalogue;
  const sizeOf = (name: string) => entries.filter(({ skill }) => skill.name === name).length;
  const largest = entries.map(({ skill }) => skill.name).sort((one, other) => sizeOf(other) - sizeOf(one))[0];
  const verbs = entries.filter(({ skill }) => skill.name === largest).map(({ tool }) => tool.name);
  return [
    '',
    `Understudy runs as the ${role} bot of ${root}`,
    role === 'staging'
      ? '  Command line    off: a staging bot manages nothing'
      : `  Command line    on: npx understudy VERB (${verbs.slice(0, 6).join(', ')}, …; all: npx understudy --help)`,
    discord.token === undefined
      ? '  Discord         off: set DISCORD_TOKEN and DISCORD_OWNER_ID in .env'
      : role === 'staging'
        ? '  Discord         connecting; its /process refuses everything: a staging bot manages nothing'
        : `  Discord         connecting: type /process in your server${ownersOnly(discord.ownerIds)}`,
    models()
      ? '  Language model  on: talk to the bot in its channel, in a direct message, or by naming it'
      : '  Language model  off: set ANTHROPIC_API_KEY or OPENAI_API_KEY in .env',
    '  After a change of .env: stop with Ctrl-C and run npm start again. Anything odd: npx understudy doctor',
    '',
    '',
  ].join('\n');
}

/** Nobody may do anything on Discord before somebody is named. */
function ownersOnly(ownerIds: readonly string[]): string {
  return ownerIds.length > 0 ? '' : ' (nobody may use it yet: set DISCORD_OWNER_ID in .env)';
}
