import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext } from '../../tool.ts';
import type { Workshop } from '../engine.ts';
import { parsePath } from '../paths.ts';
import { type Item, walk } from '../walk.ts';
import { pathField } from './fields.ts';

const mostEntries = 500;

const output = z.object({
  entries: z.array(
    z.object({
      path: z.string(),
      kind: z.enum(['file', 'folder', 'link', 'other']),
      bytes: z.number().optional(),
      note: z.string().optional(),
    }),
  ),
  notes: z.array(z.string()),
});

type Entry = z.infer<typeof output>['entries'][number];

/** `list_files`: what is in staging/. */
export const listFiles = defineTool({
  name: 'list_files',
  title: 'List files of staging',
  description:
    'Shows the files and folders of staging/ with their sizes, as a tree. Paths are relative to staging/. node_modules and .git are named and not entered; links are named and not followed.',
  input: z.strictObject({
    path: pathField.default('.').describe('The folder, relative to staging/'),
    depth: z.number().int().min(1).max(20).default(3).describe('How many levels of folders to show'),
  }),
  output,
  annotations: { readOnly: true, destructive: false, idempotent: true },
  permission: 'read',
  positionals: ['path'],
  examples: [
    { command: 'list_files', explains: 'what is in staging/?' },
    { command: 'list_files src --depth 1', explains: 'one folder, without what is below it' },
  ],
  subject: ({ path }) => path,
  present: ({ entries, notes }) => ({ text: tree(entries), notes }),
  handler: async ({ engine, signal }: ToolContext<Workshop>, { path, depth }) => {
    const entries: Entry[] = [];
    let isCut = false;
    const leftOut = await walk(engine.bounds, parsePath(path), { depth, signal }, (item) => {
      isCut = entries.length >= mostEntries;
      if (!isCut) entries.push(entryOf(item));
      return !isCut;
    });
    const isBare = path === '.' && !entries.some((entry) => entry.path === 'package.json') && !isCut;
    return {
      entries: inTreeOrder(entries),
      notes: [
        ...(isCut ? [`Only the first ${mostEntries} are shown: name a folder, or a smaller depth.`] : []),
        ...(leftOut > 0 ? [`${leftOut} names in very large folders are left out.`] : []),
        ...(isBare ? ['staging/ holds no code yet. Fill it from live: understudy revert'] : []),
      ],
    };
  },
});

function entryOf({ parts, kind, bytes, isLeftAlone }: Item): Entry {
  const note = isLeftAlone ? notes[kind] : undefined;
  return {
    path: parts.join('/'),
    kind,
    ...(bytes === undefined ? {} : { bytes }),
    ...(note === undefined ? {} : { note }),
  };
}

const notes: Readonly<Record<Item['kind'], string>> = {
  file: 'may hold secrets; left alone',
  folder: 'not entered',
  link: 'symbolic link; not followed',
  other: 'device, FIFO or socket',
};

/** The walk goes level by level; a person reads a folder together with what is in it. */
function inTreeOrder(entries: readonly Entry[]): Entry[] {
  const key = ({ path }: Entry) => path.split('/').join('\u0000');
  return [...entries].sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

function tree(entries: readonly Entry[]): string {
  if (entries.length === 0) return 'Nothing is there.';
  const least = Math.min(...entries.map(({ path }) => path.split('/').length));
  const lines = entries.map(({ path, kind, bytes, note }) => {
    const parts = path.split('/');
    const name = `${parts.at(-1)}${kind === 'folder' ? '/' : ''}`;
    const size = bytes === undefined ? '' : `  ${sizeInWords(bytes)}`;
    return `${'  '.repeat(parts.length - least)}${name}${size}${note === undefined ? '' : `  (${note})`}`;
  });
  return lines.join('\n');
}

function sizeInWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
