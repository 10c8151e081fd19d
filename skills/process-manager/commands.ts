// Carries out the commands of bot_commands.txt as calls of tools: the file is a surface like the others, and whoever can
// write it could as well type the command.

import type { Actor, Bot } from '../tool.ts';
import type { BotStatus, CarryOut } from './bots/index.ts';

const actor: Actor = {
  id: 'file:bot_commands.txt',
  name: 'bot_commands.txt',
  surface: 'cli',
  rights: ['read', 'operate'],
};

/** Takes commands to the dispatcher of the host. */
export function carryOutCommands({ dispatcher }: Pick<Bot, 'dispatcher'>): CarryOut {
  return async (verb, name) => {
    const output = await dispatcher.call(
      actor,
      verb,
      verb === 'list' ? {} : { [field[verb] ?? 'bot']: name },
    );
    const bots = (output.bots ?? (output.bot ? [output.bot] : [])) as BotStatus[];
    if (verb === 'update') {
      const updates = output.updates as { bot: string; outcome: string; detail: string }[];
      return updates.map(({ bot, outcome, detail }) => `${bot} ${outcome}: ${detail}`);
    }
    return bots.length === 0 ? ['done'] : bots.map(inOneLine);
  };
}

const field: Partial<Record<Parameters<CarryOut>[0], string>> = {
  pause: 'process',
  resume: 'process',
  status: 'process',
};

function inOneLine({ name, state, pid, restarts, startCount, detail }: BotStatus): string {
  const where = pid === null ? '' : ` (PID ${pid})`;
  return `${name} ${state}${where}, started ${startCount} times, ${restarts} restarts${detail === null ? '' : `: ${detail}`}`;
}
