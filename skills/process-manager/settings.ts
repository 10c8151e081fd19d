// The parts of config.json that belong to the process manager: the live bot, staging, other bots, releases.
// The host puts these schemas into its own, so each key is described once, here, for editors and for docs/.

import { createRequire } from 'node:module';
import { z } from 'zod';
import { containerSchema, dockerSchema } from './settings/docker.ts';
import { commandLine, memorySize, relativePath, seconds } from './settings/values.ts';

const environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable name: letters, digits and _'), z.string())
  .describe('Environment variables for this bot');

const ready = z
  .strictObject({
    heartbeat: z
      .literal(true)
      .optional()
      .describe('Ready when it says so in .heartbeat (bots made by Understudy)'),
    pattern: z.string().min(1).optional().describe('Ready when a line of its output matches'),
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Ready when this address answers with a 2xx status'),
    uptimeSeconds: z
      .number()
      .positive()
      .max(86_400)
      .optional()
      .describe('Ready when it has run for this long'),
  })
  .refine((value) => Object.values(value).filter((item) => item !== undefined).length === 1, {
    message: 'give exactly one of heartbeat, pattern, url, uptimeSeconds',
  });

const readySeconds = z
  .number()
  .positive()
  .max(3_600)
  .default(60)
  .describe('Say so when it is not ready within this time (seconds); what depends on it waits on');

const tooLate = {
  path: ['readySeconds'],
  message: 'must be longer than ready.uptimeSeconds, or it could never be ready in time',
};

function isReadyInTime(value: { ready?: z.infer<typeof ready> | undefined; readySeconds: number }): boolean {
  return value.ready?.uptimeSeconds === undefined || value.ready.uptimeSeconds < value.readySeconds;
}

/** What is wrong with a cron expression. Loaded on use: most instances have none, and every start would pay for it. */
function problemOfSchedule(expression: string): string | undefined {
  const { Cron }: typeof import('croner') = createRequire(import.meta.url)('croner');
  try {
    return new Cron(expression, { paused: true }).nextRun() === null ? 'a time that will come' : undefined;
  } catch (error) {
    return `a cron expression such as "0 4 * * *" (${(error as Error).message})`;
  }
}

/** A trial has to see at least one heartbeat that came after the bot was ready. */
const heartbeatSeconds = 5;

const liveSchema = z
  .strictObject({
    command: commandLine.default(['node', '--import', 'tsx', 'src/index.ts']),
    ready: ready.default({ heartbeat: true }).describe('How the watchdog knows that the live bot works'),
    readySeconds: readySeconds.describe('A new release must be ready within this time (seconds)'),
    trialSeconds: z
      .number()
      .positive()
      .max(86_400)
      .default(30)
      .describe('and then stay up for this long before it counts as good (seconds)'),
  })
  .refine(isReadyInTime, tooLate)
  .refine(({ ready, trialSeconds }) => ready.heartbeat !== true || trialSeconds >= heartbeatSeconds, {
    path: ['trialSeconds'],
    message: `with ready.heartbeat at least ${heartbeatSeconds} seconds, since a heartbeat comes every ${heartbeatSeconds}`,
  })
  .describe('The live bot, as the watchdog runs it');

const restart = z
  .enum(['on-failure', 'always', 'no'])
  .describe('When the bot is started again after it ended by itself');

const memoryLimit = memorySize.describe('Restart the bot when it uses more memory than this, such as 512MB');

const stagingSchema = z
  .strictObject({
    command: commandLine.default(['node', '--import', 'tsx', 'src/index.ts']),
    env: environment.default({}),
    restart: restart.default('no'),
    autostart: z.boolean().default(false).describe('Start it together with the other bots'),
    ready: ready.optional().describe('How to know that it works'),
    readySeconds,
    memoryLimit: memoryLimit.optional(),
  })
  .refine(isReadyInTime, tooLate)
  .describe('The staging bot in staging/');

const botSchema = z
  .strictObject({
    directory: z.string().min(1).describe('Its folder; a relative path starts at the instance root'),
    script: z
      .string()
      .min(1)
      .optional()
      .describe('Its entry, relative to directory: Python for .py, Node for .js, .mjs, .cjs and .ts'),
    command: commandLine.optional().describe('The program and its arguments, instead of script'),
    color: z
      .enum(['red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'])
      .optional()
      .describe('Colour of its prefix on the console'),
    description: z.string().optional().describe('For people only'),
    repo_url: z.string().min(1).optional().describe('Where git updates come from'),
    repo_branch: z
      .string()
      .min(1)
      .optional()
      .describe("The branch to follow; the remote's default otherwise"),
    auto_update: z.boolean().optional().describe('Update before every start; true when repo_url is given'),
    force_sync: z.boolean().default(false).describe('Reset local changes instead of skipping the update'),
    preserve_files: z
      .array(relativePath)
      .default([])
      .describe('Files and folders that every update leaves as they are'),
    env: environment.default({}),
    restart: restart.default('on-failure'),
    autostart: z.boolean().default(true).describe('Start it on the first start_all'),
    ready: ready.optional().describe('How to know that it works'),
    readySeconds,
    memoryLimit: memoryLimit.optional(),
    schedule: z
      .string()
      .min(1)
      .superRefine((expression, context) => {
        const problem = problemOfSchedule(expression);
        if (problem !== undefined) context.addIssue(problem);
      })
      .optional()
      .describe('Restart it at these times (cron, such as "0 4 * * *")'),
    dependsOn: z
      .array(z.string().min(1))
      .default([])
      .describe('Bots that must be ready before this one starts'),
    runner: z
      .enum(['local', 'docker', 'swarm'])
      .default('local')
      .describe('Where it runs: this machine, a Docker engine, or a Docker swarm'),
    container: containerSchema.prefault({}),
    input: z
      .boolean()
      .default(false)
      .describe('Hold its standard input open for `understudy send`; it is empty otherwise'),
  })
  .refine((bot) => (bot.script === undefined) !== (bot.command === undefined), {
    message: 'give either script or command',
  })
  .refine(isReadyInTime, tooLate);

const botName = z
  .string()
  .regex(/^[\p{L}\p{N}]([\p{L}\p{N} ._-]{0,62}[\p{L}\p{N}_-])?$/u, 'letters, digits, space, ".", "_" and "-"')
  .refine((name) => Buffer.byteLength(name) <= 200, {
    message: 'at most 200 bytes: it is the name of a file too',
  })
  .refine((name) => !['staging', 'live', 'bot_manager'].includes(name.toLowerCase()), {
    message: '"staging", "live" and "bot_manager" are names of Understudy itself; choose another',
  });

const globalSettingsSchema = z
  .strictObject({
    log_directory: z.string().min(1).default('logs').describe("Folder of the bots' logs"),
    max_restart_attempts: z
      .number()
      .int()
      .min(0)
      .max(1_000)
      .default(3)
      .describe('Restarts in a row before a crashing bot counts as failed'),
    restart_delay: seconds('Wait before the first restart; it doubles from there', 5, 3_600),
  })
  .describe('What holds for all bots');

const releasesSchema = z
  .strictObject({
    projectType: z
      .enum(['normal', 'runner-dev'])
      .default('normal')
      .describe('runner-dev: promotions also need EVIDENCE.md and a clean git tree'),
    gates: z
      .array(z.string().min(1))
      .optional()
      .describe(
        "Commands that must succeed on the candidate; by default its npm script gate:all, else gate, else the bot's own boot check",
      ),
    gateTimeoutSeconds: seconds('How long one gate may take', 900),
    keep: z.number().int().min(1).max(1_000).default(10).describe('How many old releases stay in backups/'),
    idleDeadlineSeconds: seconds('How long a switch waits for the bot to be idle', 600),
    exclude: z.array(relativePath).default([]).describe('More paths that are never promoted or reverted'),
  })
  .describe('Promotions');

/** The keys of config.json that the process manager owns, each with its schema. */
export const settingsShape = {
  live: liveSchema.prefault({}),
  staging: stagingSchema.prefault({}),
  bots: z.record(botName, botSchema).default({}).describe('Other bots, by name'),
  globalSettings: globalSettingsSchema.prefault({}),
  releases: releasesSchema.prefault({}),
  docker: dockerSchema.prefault({}),
};

/** Which keys a bot and the global settings have, for readers that accept other spellings of them. */
export const settingsKeys = {
  bot: Object.keys(botSchema.shape),
  globalSettings: Object.keys(globalSettingsSchema.shape),
} as const;

/** What is wrong with settings that are each right by themselves: dependencies that lead nowhere, or in a circle. */
export function problemsAcross({ bots }: Pick<Settings, 'bots'>): string[] {
  const problems: string[] = [];
  for (const [name, { dependsOn }] of Object.entries(bots)) {
    for (const other of dependsOn) {
      if (other !== 'staging' && !Object.hasOwn(bots, other))
        problems.push(`bots.${name}.dependsOn: there is no bot "${other}".`);
    }
    const circle = circleFrom(name, bots);
    if (circle)
      problems.push(`bots.${name}.dependsOn: the bots wait for each other: ${circle.join(' -> ')}.`);
  }
  return problems;
}

function circleFrom(start: string, bots: Settings['bots']): string[] | undefined {
  const seen = new Set<string>();
  const walk = (path: string[]): string[] | undefined => {
    const name = path.at(-1) ?? start;
    for (const other of bots[name]?.dependsOn ?? []) {
      if (other === start) return [...path, other];
      if (seen.has(other)) continue;
      seen.add(other);
      const circle = walk([...path, other]);
      if (circle) return circle;
    }
    return undefined;
  };
  return walk([start]);
}

/** The `live` part of a config.json that is not this instance's own, such as a candidate's; throws what zod throws. */
export function readLiveSettings(config: unknown): Settings['live'] {
  return z.object({ live: settingsShape.live }).parse(config).live;
}

/** All settings of the process manager, validated. */
export type Settings = z.infer<z.ZodObject<typeof settingsShape>>;
