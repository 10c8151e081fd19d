import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { changeFile } from '../change.ts';
import type { Workshop } from '../engine.ts';
import { changeShape, pathField, presentChange } from './fields.ts';

/** `write_file`: a whole file. */
export const writeFile = defineTool({
  name: 'write_file',
  title: 'Write a file of staging',
  description:
    'Makes a file of staging/ with this content, or replaces the one that is there; folders that are missing are made. To change part of a file use edit_file: it cannot lose the rest. Answers with a unified diff.',
  input: z.strictObject({
    path: pathField.describe('The file, relative to staging/'),
    content: z.string().max(2_000_000).describe('All that the file is to hold'),
  }),
  output: changeShape,
  annotations: { readOnly: false, destructive: true, idempotent: true },
  permission: 'operate',
  positionals: ['path', 'content'],
  examples: [{ command: 'write_file notes.txt "one line"', explains: 'make staging/notes.txt' }],
  subject: ({ path }) => path,
  present: presentChange,
  handler: async ({ engine }: ToolContext<Workshop>, { path, content }) =>
    changeFile(engine, path, () => Buffer.from(content), { mayCreate: true }),
});
