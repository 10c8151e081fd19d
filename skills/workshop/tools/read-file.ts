import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import { Failure, type ToolContext } from '../../tool.ts';
import { atPlace } from '../confine.ts';
import type { Workshop } from '../engine.ts';
import { findSecrets, readFile as readWhole } from '../files.ts';
import { parsePath } from '../paths.ts';
import { decode, showLines } from '../text.ts';
import { pathField } from './fields.ts';

const mostLines = 2_000;
const mostCharacters = 100_000;
const mostBytes = 20_000_000;

/** `read_file`: lines of a file, numbered. */
export const readFile = defineTool({
  name: 'read_file',
  title: 'Read a file of staging',
  description:
    'Shows a text file of staging/, each line with its number and a tab before it (they are not part of the file). At most 2,000 lines or 100 KB at once; says where to read on. Files that may hold secrets (.env*) are never shown, and secrets in other files appear as [masked].',
  input: z.strictObject({
    path: pathField.describe('The file, relative to staging/'),
    from: z.number().int().min(1).default(1).describe('The first line'),
    lines: z.number().int().min(1).max(mostLines).default(mostLines).describe('How many lines'),
  }),
  output: z.object({
    path: z.string(),
    text: z.string(),
    from: z.number(),
    to: z.number(),
    totalLines: z.number(),
    cut: z.string().optional(),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['path'],
  examples: [
    { command: 'read_file src/index.ts', explains: 'a whole file' },
    { command: 'read_file src/index.ts --from 40 --lines 20', explains: 'lines 40 to 59' },
  ],
  subject: ({ path }) => path,
  present: ({ text, cut }) => ({ text, notes: cut === undefined ? [] : [cut] }),
  handler: async ({ engine: { bounds } }: ToolContext<Workshop>, { path, from, lines }) =>
    atPlace(bounds, parsePath(path), { intent: 'read' }, (place) => {
      const content = readWhole(place, mostBytes, findSecrets(bounds));
      if (!content) {
        throw new Failure(
          'no_such_file',
          `There is no ${place.path} in staging/.`,
          'See what there is: list_files',
        );
      }
      const text = decode(content.bytes, place.path);
      return { path: place.path, ...showLines(text, { from, lines, characters: mostCharacters }) };
    }),
});
