// The schema of config.json: the process manager's part comes from the skill, the rest stands here.

import { z } from 'zod';
import { settingsShape } from '../../skills/process-manager/index.ts';

const snowflake = z.string().regex(/^\d{15,22}$/, 'a Discord id: 15 to 22 digits');

const price = z.number().min(0).max(1_000_000);
const pricesSchema = z.strictObject({
  input: price.describe('US dollars for a million tokens of input'),
  output: price.describe('US dollars for a million tokens of output'),
  cachedInput: price.optional().describe('The same for input from a cache; by default as input'),
  cacheWrite: price.optional().describe('The same for input that is written to a cache; by default as input'),
});

const agentSchema = z
  .strictObject({
    answers: z
      .enum(['owners', 'everyone'])
      .default('owners')
      .describe('Whom the agent answers; tool calls have the rights of whoever asked'),
    provider: z
      .enum(['anthropic', 'openai'])
      .optional()
      .describe('Which API to use; by default the one whose key is set'),
    model: z.string().min(1).optional().describe('The model that does the work'),
    hookModel: z.string().min(1).optional().describe('A cheap model for small decisions'),
    workspace: z
      .string()
      .min(1)
      .optional()
      .describe('The folder that commands are confined to; by default the instance root'),
    maxSteps: z.number().int().min(1).max(1_000).default(50).describe('Steps of one turn before it stops'),
    maxTokens: z
      .number()
      .int()
      .min(1_000)
      .max(100_000_000)
      .default(1_000_000)
      .describe('Tokens of one turn before it stops'),
    maxTokensUnasked: z
      .number()
      .int()
      .min(0)
      .max(10_000_000_000)
      .default(5_000_000)
      .describe(
        'Tokens within 24 hours for what no owner asked for: hooks, cycles and wake-ups together; as many again for people without rights',
      ),
    contextTokens: z
      .number()
      .int()
      .min(4_000)
      .max(100_000_000)
      .optional()
      .describe('What the model can hold; set it for models of your own, which are taken to hold 32000'),
    maxOutputTokens: z
      .number()
      .int()
      .min(256)
      .max(1_000_000)
      .optional()
      .describe('The longest answer; by default 32000 (OpenAI: 16000), at most a quarter of contextTokens'),
    silenceSeconds: z
      .number()
      .int()
      .min(5)
      .max(290)
      .default(120)
      .describe('A model that sends nothing for so long is asked again'),
    prices: z
      .record(z.string().min(1), pricesSchema)
      .default({})
      .describe('From the name of a model to what it costs, for the cost of each branch'),
    cycles: z
      .array(
        z.strictObject({
          schedule: z.string().min(1).describe('When to start (cron, such as "0 9 * * *")'),
          prompt: z.string().min(1).describe('What to do'),
          channel: snowflake.optional().describe('Where to report; by default the wake channel'),
        }),
      )
      .default([])
      .describe('Work that starts by the clock'),
  })
  .describe('The language model agent');

const discordSchema = z
  .strictObject({
    channels: z
      .array(snowflake)
      .optional()
      .describe('Channels where every message is answered; by default the wake channel'),
    adminRoles: z.array(snowflake).default([]).describe('Roles whose members may do what owners may'),
    noticesChannel: snowflake.optional().describe('Where notices go; by default the wake channel'),
  })
  .describe('Discord');

const dashboardSchema = z
  .strictObject({
    port: z.number().int().min(0).max(65_535).default(0).describe('Port on 127.0.0.1; 0 picks a free one'),
  })
  .describe('The local page');

/** The whole of config.json. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().describe('For editors: the address of this schema'),
    ...settingsShape,
    agent: agentSchema.prefault({}),
    discord: discordSchema.prefault({}),
    policy: z
      .record(z.string().min(1), z.enum(['allow', 'ask', 'deny']))
      .default({})
      .describe('From a tool, or a tool and a pattern such as "run:npm *", to allow, ask or deny'),
    dashboard: dashboardSchema.prefault({}),
  })
  .describe('config.json of an Understudy instance; {} is valid');

/** config.json once it is validated and every default is filled in. */
export type ParsedConfig = z.infer<typeof configSchema>;

/** The JSON Schema of config.json, for editors, for docs/ and for error messages. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
}

/** As much of JSON Schema as zod produces for config.json. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly required?: readonly string[];
}
