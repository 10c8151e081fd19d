// `understudy init`: the folder of any bot becomes an instance.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { type InitAnswer, initInstance, joinWords } from '../init/index.ts';
import { type Answer, ownVerb } from './own-verb.ts';

/** The verb. */
export const initVerb = ownVerb({
  name: 'init',
  title: 'Make any bot an instance',
  description:
    'Makes the folder of an existing bot (Node or Python) an instance: it finds out how the bot is started, and adds config.json, watchdog.js, staging/ with a soul, an identity and a .env.example of its own, folders for memory, logs and backups, and lines to .gitignore where there is a repository. Nothing that is there is changed. It asks nothing: where a bot can be started in several ways, it names them. Said again, it adds what is missing.',
  examples: [
    { command: 'init', explains: 'the bot in this folder' },
    { command: 'init ~/my-bot --dry-run', explains: 'see what would be added' },
    { command: 'init ~/my-bot --command "node src/bot.js"', explains: 'say how it is started' },
    { command: 'init ~/my-bot --ready-pattern "Logged in as"', explains: 'it works once it prints this' },
  ],
  positionals: ['directory'],
  input: z.strictObject({
    directory: z.string().min(1).optional().describe('The folder of the bot; this one unless given'),
    command: z.string().min(1).optional().describe('How the bot is started; found out unless given'),
    readyPattern: z
      .string()
      .min(1)
      .optional()
      .describe('The bot works once a line of its output matches this'),
    dryRun: z.boolean().default(false).describe('Show what would be added, and add nothing'),
  }),
  async run({ codeRoot, root }, { directory, command, readyPattern, dryRun }): Promise<Answer> {
    const folder = directory ?? root ?? process.cwd();
    const output = initInstance({ folder, codeRoot, command, readyPattern, dryRun });
    return { output, view: { text: describe(output, codeRoot, dryRun) } };
  },
});

function describe(
  { root, command, from, created, kept, ignored, notes }: InitAnswer,
  codeRoot: string,
  dryRun: boolean,
): string {
  const list = (names: readonly string[]) => names.map((name) => `  ${name}`).join('\n');
  const [would, is] = dryRun ? ['Would be added', 'would be'] : ['Added', 'is'];
  const nothing = created.length === 0 && ignored.length === 0;
  return [
    nothing ? `${root} is an instance already.` : `${root} ${is} an instance.`,
    `It is started with: ${joinWords(command)}   (${from})`,
    ...(created.length > 0 ? [`${would}:`, list(created)] : []),
    ...(ignored.length > 0 ? [`${would} to .gitignore:`, list(ignored)] : []),
    ...(kept.length > 0 ? ['Left as it was:', list(kept)] : []),
    ...notes,
    ...(dryRun ? ['Nothing was changed.'] : ['', 'Next:', ...nextCommands(root, codeRoot)]),
  ].join('\n');
}

/** Each on a line of its own, to be copied. */
function nextCommands(root: string, codeRoot: string): string[] {
  return [
    `  ${joinWords(['node', join(root, 'watchdog.js')])}`,
    '      starts the bot, and watches over it',
    `  ${joinWords([...ownCommand(codeRoot), '--root', root, 'revert'])}`,
    '      copies it to staging/, where you change it; `promote` then makes that live',
  ];
}

/** This command, as the person's shell finds it. */
function ownCommand(codeRoot: string): string[] {
  const isKnown = (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => existsSync(join(folder, 'understudy')));
  return isKnown ? ['understudy'] : ['node', join(codeRoot, 'src', 'cli', 'understudy.js')];
}
