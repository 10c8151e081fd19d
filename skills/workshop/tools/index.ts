// The catalogue of the workshop.

import type { Tool } from '../../tool.ts';
import { deleteFile } from './delete-file.ts';
import { editFile } from './edit-file.ts';
import { listFiles } from './list-files.ts';
import { readFile } from './read-file.ts';
import { runInStaging } from './run-in-staging.ts';
import { searchFiles } from './search-files.ts';
import { writeFile } from './write-file.ts';

/** In the order in which they are shown. */
export const tools: readonly Tool[] = [
  listFiles,
  readFile,
  searchFiles,
  writeFile,
  editFile,
  deleteFile,
  runInStaging,
];
