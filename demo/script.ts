// What the language model of the demonstration says and does: a script in place of a model. It answers by what the
// conversation shows, as a model would, and never by how often it was asked.

import type { Reply, SeenRequest } from '../test/agent-servers/index.ts';

/** What the person asks for. */
export const wishes = {
  cheerful: 'Please say it cheerfully when you start.',
  counting: 'And count your starts, please.',
} as const;

const greeting = 'Understudy runs as';
const cheerful = 'Understudy, in good spirits, runs as';
const importLine = "import type { Instance } from './instance.ts';";
const counting = `start number $\{Number(readFileSync('memory/starts.txt', 'utf8')) + 1}, runs as`;
const careful = `start number $\{startNumber()}, runs as`;
const startNumber = `/** The file is there from the second start on. */
function startNumber(): number {
  const before = existsSync('memory/starts.txt') ? Number(readFileSync('memory/starts.txt', 'utf8')) : 0;
  writeFileSync('memory/starts.txt', String(before + 1));
  return before + 1;
}
`;

/** One step of the script: done once its calls have results. */
type Step = Reply & { readonly text?: string };

const edit = (oldText: string, newText: string) => ({
  name: 'workshop_edit_file',
  input: { path: 'src/welcome.ts', oldText, newText },
});

/** For each wish, what the model does, call by call. */
const steps: Record<keyof typeof wishes | 'repair', Step[]> = {
  cheerful: [
    {
      text: 'I look at how I start.',
      calls: [{ name: 'workshop_read_file', input: { path: 'src/welcome.ts' } }],
    },
    { text: 'I change it in staging.', calls: [edit(greeting, cheerful)] },
    { text: 'Test Bud tries it.', calls: [{ name: 'process_start', input: {} }] },
    { calls: [{ name: 'process_logs', input: { process: 'staging', lines: 20 } }] },
    { calls: [{ name: 'process_stop', input: {} }] },
    {
      text: 'Test Bud starts, and in good spirits. I promote it.',
      calls: [{ name: 'process_promote', input: { reason: 'a cheerful start' } }],
    },
  ],
  counting: [
    {
      text: 'I keep the number in memory/, so that it stays with me.',
      calls: [
        { name: 'workshop_write_file', input: { path: 'memory/starts.txt', content: '41\n' } },
        edit('in good spirits, runs as', counting),
        edit(importLine, `import { readFileSync } from 'node:fs';\n${importLine}`),
      ],
    },
    { text: 'Test Bud tries it.', calls: [{ name: 'process_start', input: {} }] },
    { calls: [{ name: 'process_logs', input: { process: 'staging', lines: 20 } }] },
    { calls: [{ name: 'process_stop', input: {} }] },
    {
      text: 'It counts. I promote it.',
      calls: [{ name: 'process_promote', input: { reason: 'counts its starts' } }],
    },
  ],
  repair: [
    {
      text: 'It was taken back: memory/ is never promoted, so the file that Test Bud had was missing here. I repair that in staging.',
      calls: [
        edit(counting, careful),
        edit(
          "import { readFileSync } from 'node:fs';",
          "import { existsSync, readFileSync, writeFileSync } from 'node:fs';",
        ),
        edit('/** A few lines for the terminal. */', `${startNumber}\n/** A few lines for the terminal. */`),
        { name: 'workshop_delete_file', input: { path: 'memory/starts.txt' } },
      ],
    },
    { text: 'Test Bud tries it without the file.', calls: [{ name: 'process_start', input: {} }] },
    { calls: [{ name: 'process_stop', input: {} }] },
  ],
};

/** The reply to a request of the bot. */
export function reply({ messages }: SeenRequest): Reply {
  const texts = messages.flatMap((message, index) =>
    message.role === 'user' ? [{ text: message.text, index }] : [],
  );
  const lastWith = (words: string) => texts.findLast(({ text }) => text.includes(words))?.index ?? -1;
  const [cheer, count, good, reverted] = [
    wishes.cheerful,
    wishes.counting,
    'is the code that runs now',
    ' is back: ',
  ].map(lastWith);
  const since = (index = 0) => messages.slice(index).flatMap(({ results }) => results).length;
  const next = (list: readonly Step[], index: number | undefined): Reply | undefined => {
    let left = since(index);
    return list.find(({ calls = [] }) => {
      left -= calls.length;
      return left < 0;
    });
  };
  if ((reverted ?? -1) >= 0)
    return (
      next(steps.repair, reverted) ?? {
        text: 'It is repaired in staging, and Test Bud is well. Say the word, and I promote it again.',
      }
    );
  if ((count ?? -1) >= 0) return next(steps.counting, count) ?? { text: 'I wait for the verdict.' };
  if ((good ?? -1) >= 0) return { text: 'I am the new version, and I start in good spirits. What is next?' };
  return next(steps.cheerful, cheer) ?? { text: 'I wait for the verdict.' };
}
