import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import { deleteFile as remove } from '../change.ts';
import type { Workshop } from '../engine.ts';
import { changeShape, pathField, presentChange } from './fields.ts';

/** `delete_file`: a file less. */
export const deleteFile = defineTool({
  name: 'delete_file',
  title: 'Delete a file of staging',
  description:
    'Deletes a file of staging/, a symbolic link (not what it leads to), or an empty folder. Answers with what the file held, as a diff; nothing else keeps it.',
  input: z.strictObject({ path: pathField.describe('The file, relative to staging/') }),
  output: changeShape,
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'operate',
  positionals: ['path'],
  examples: [{ command: 'delete_file src/old.ts', explains: 'remove staging/src/old.ts' }],
  subject: ({ path }) => path,
  present: presentChange,
  handler: async ({ engine }: ToolContext<Workshop>, { path }) => remove(engine, path),
});
