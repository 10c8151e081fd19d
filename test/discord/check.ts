// Holds every request body against Discord's own schema (discord-api-spec, from Discord's OpenAPI) and against the
// limits that the schema lacks. Answers with what is wrong, in words; nothing is refused here.

import { checkLimits } from './limits.ts';
import type { Json, SentFile } from './world.ts';

/** As much of a zod schema as is used. */
interface Schema {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: unknown }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

/** What a body is for: it decides schema and limits. */
export type BodyKind =
  | 'message'
  | 'message edit'
  | 'webhook message'
  | 'webhook edit'
  | 'callback'
  | 'commands'
  | 'command'
  | 'command edit'
  | 'thread'
  | 'thread of a message'
  | 'direct channel';

/** The schemas by what they check; loaded once by whoever starts a server. */
export type Check = (kind: BodyKind, body: unknown, files: readonly SentFile[]) => string[];

/** Loads the schemas, which takes a moment. */
export async function loadCheck(): Promise<Check> {
  // @ts-expect-error The package has no types for its schemas, and they are looked up by name anyway.
  const schemas: Record<string, Schema> = await import('discord-api-spec/zod');
  const named = (name: string): Schema => {
    const schema = schemas[`${name}Schema`];
    if (!schema) throw new Error(`discord-api-spec has no ${name}`);
    return schema;
  };
  return (kind, body, files) => {
    if (body === undefined) return ['there is no body'];
    const schema = named(schemaOf(kind, body));
    const items = kind === 'commands' ? asArray(body) : [body];
    return [
      ...items.flatMap((item) => against(schema, asDiscordReadsIt(item))),
      ...checkLimits(kind, body, files),
    ];
  };
}

const schemaNames: Record<Exclude<BodyKind, 'callback'>, string> = {
  message: 'MessageCreateRequest',
  'message edit': 'MessageEditRequestPartial',
  'webhook message': 'IncomingWebhookRequestPartial',
  'webhook edit': 'IncomingWebhookUpdateRequestPartial',
  commands: 'ApplicationCommandUpdateRequest',
  command: 'ApplicationCommandCreateRequest',
  'command edit': 'ApplicationCommandPatchRequestPartial',
  thread: 'CreateTextThreadWithoutMessageRequest',
  'thread of a message': 'CreateTextThreadWithMessageRequest',
  'direct channel': 'CreatePrivateChannelRequest',
};

function schemaOf(kind: BodyKind, body: unknown): string {
  if (kind !== 'callback') return schemaNames[kind];
  const type = (body as Json | null)?.type;
  if (type === 4 || type === 5) return 'CreateMessageInteractionCallbackRequest';
  if (type === 6 || type === 7) return 'UpdateMessageInteractionCallbackRequest';
  if (type === 8) return 'ApplicationCommandAutocompleteCallbackRequest';
  if (type === 9) return 'ModalInteractionCallbackRequest';
  return 'PongInteractionCallbackRequest';
}

function against(schema: Schema, value: unknown): string[] {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`);
  }
  return unknownKeys(value, parsed.data);
}

/** discord.js says `false` of these in every message, also where they do not belong. */
const saidByTheLibrary = new Set(['tts', 'enforce_nonce']);

/** Keys that Discord does not know are dropped by it in silence: whoever sent them meant something. */
function unknownKeys(value: unknown, known: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) =>
      unknownKeys(item, Array.isArray(known) ? known[index] : undefined, `${path}${index}.`),
    );
  }
  if (typeof value !== 'object' || value === null || typeof known !== 'object' || known === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    Object.hasOwn(known, key) || (item === false && saidByTheLibrary.has(key))
      ? unknownKeys(item, (known as Json)[key], `${path}${key}.`)
      : [`${path}${key}: Discord knows no such key`],
  );
}

/**
 * The documentation gives permissions as a string of digits and Discord takes that; its OpenAPI, of which the schema is
 * made, says number. This is the one place where the two differ for what is checked here.
 */
function asDiscordReadsIt(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { default_member_permissions: permissions } = body as Json;
  if (typeof permissions !== 'string' || !/^\d+$/.test(permissions)) return body;
  return { ...body, default_member_permissions: Number(permissions) };
}

function asArray(body: unknown): unknown[] {
  return Array.isArray(body) ? body : [body];
}
