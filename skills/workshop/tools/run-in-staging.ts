import { join } from 'node:path';
import { z } from 'zod';
import { defineTool } from '../../dispatch.ts';
import type { ToolContext, View } from '../../tool.ts';
import { inFolder, realStaging } from '../confine.ts';
import type { Workshop } from '../engine.ts';
import { parsePath } from '../paths.ts';
import { pathField } from './fields.ts';

/** What `run` of the process manager answers, as far as it is passed on. */
const output = z.object({
  process: z.object({
    id: z.string(),
    name: z.string(),
    pid: z.number().nullable(),
    status: z.string(),
    exitCode: z.number().nullable(),
    signal: z.string().nullable(),
  }),
  output: z.object({ stdout: z.string(), stderr: z.string() }).optional(),
});

/** `run_in_staging`: a command in the folder of the staging bot. */
export const runInStaging = defineTool({
  name: 'run_in_staging',
  title: 'Run a command in staging',
  description:
    'Runs a shell command in staging/ or a folder of it, and waits for its end: exit code and output, whatever the code is. What takes longer than wait runs on; its id is for process_status, process_logs and process_kill. The rules of process_run hold: blocklist, policy, confirmation.',
  input: z.strictObject({
    command: z.string().min(1).max(100_000).describe('What to run, as one would type it into bash'),
    folder: pathField.default('.').describe('Where to run it, relative to staging/'),
    wait: z.number().min(0).max(3_600).default(60).describe('How many seconds to wait for its end'),
    timeout: z.number().positive().max(31_536_000).optional().describe('Stop it after this many seconds'),
    name: z.string().min(1).max(64).optional().describe('A name to call the process by'),
  }),
  output,
  annotations: { readOnly: false, destructive: true, idempotent: false },
  permission: 'operate',
  positionals: ['command'],
  examples: [
    {
      command: 'run_in_staging "npm test" --wait 300',
      explains: 'run the tests of staging, and see the result',
    },
    { command: 'run_in_staging "git status" --folder src', explains: 'in a folder of it' },
  ],
  subject: ({ command }) => command,
  present: (result): View => {
    const { process, output: printed } = result;
    const code = process.exitCode === null ? '' : ` with code ${process.exitCode}`;
    const signal = process.signal === null ? '' : ` by ${process.signal}`;
    const notes = printed ? [printed.stdout, printed.stderr].filter((text) => text !== '') : [];
    return {
      text: `${[...new Set([process.id, process.name])].join('  ')}  ${process.status}${code}${signal}`,
      notes: notes.map((text) => text.replace(/\n$/, '')),
    };
  },
  handler: async (context: ToolContext<Workshop>, { command, folder, wait, timeout, name }) => {
    const { bounds } = context.engine;
    const parts = inFolder(bounds, parsePath(folder), { intent: 'read' }, (found) => found.parts);
    const result = await context.call('run', {
      command,
      cwd: join(realStaging(bounds), ...parts),
      wait,
      type: 'concurrent',
      ...(timeout === undefined ? {} : { timeout }),
      ...(name === undefined ? {} : { name }),
    });
    return output.parse(result);
  },
});
