import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Workshop } from '../engine.ts';
import { parsePath } from '../paths.ts';
import { createFinder, createGlob } from '../patterns.ts';
import { search } from '../search.ts';
import { pathField } from './fields.ts';

/** `search_files`: lines that hold a text. */
export const searchFiles = defineTool({
  name: 'search_files',
  title: 'Search the files of staging',
  description:
    'Looks for a text, or with regex for a pattern (RE2 syntax), in the text files of staging/, line by line. Gives path, line number and line. node_modules, .git, .env* and what is no text are left out; what was not searched is said.',
  input: z.strictObject({
    pattern: z.string().min(1).max(1_000).describe('What to look for'),
    path: pathField.default('.').describe('The folder or file to search, relative to staging/'),
    glob: z
      .string()
      .min(1)
      .max(1_000)
      .optional()
      .describe('Only files whose path fits, such as *.ts or src/**/*.{ts,js}'),
    regex: z.boolean().default(false).describe('The pattern is a regular expression'),
    ignoreCase: z.boolean().default(false).describe('Capitals and small letters are the same'),
    limit: z.number().int().min(1).max(500).default(100).describe('At most so many hits'),
  }),
  output: z.object({
    hits: z.array(z.object({ path: z.string(), line: z.number(), text: z.string() })),
    files: z.number(),
    notes: z.array(z.string()),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['pattern', 'path'],
  examples: [
    { command: 'search_files createLogger', explains: 'where is this word?' },
    {
      command: 'search_files "on(Ready|Error)" src --regex --glob "*.ts"',
      explains: 'a pattern, in some files',
    },
  ],
  subject: ({ pattern }) => pattern,
  present: ({ hits, files, notes }) => ({
    text:
      hits.length === 0
        ? `Nothing found in ${files} files.`
        : hits.map(({ path, line, text }) => `${path}:${line}: ${text}`).join('\n'),
    notes,
  }),
  handler: async ({ engine, signal }: ToolContext<Workshop>, request) => {
    const found = await search(engine.bounds, {
      start: parsePath(request.path),
      find: await createFinder(request),
      fits: request.glob === undefined ? () => true : await createGlob(request.glob),
      limit: request.limit,
      signal,
    });
    return { hits: [...found.hits], files: found.files, notes: [...found.notes] };
  },
});
