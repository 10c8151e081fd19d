// One message as it is sent: never with mentions, never longer than Discord takes.

import type { APIActionRowComponent, APIComponentInMessageActionRow, RawFile } from 'discord.js';
import { cut, longestContent } from './text.ts';

/** A row of buttons, or a menu. */
export type Row = APIActionRowComponent<APIComponentInMessageActionRow>;

/** What is to stand in a message. */
export interface Payload {
  readonly content: string;
  readonly components?: readonly Row[];
  readonly files?: readonly {
    readonly name: string;
    readonly data: Buffer | string;
    readonly alt?: string;
  }[];
}

/** Only whoever did it sees the answer. */
export const ephemeral = 1 << 6;
/** Addresses in a text get no preview. */
export const noPreviews = 1 << 2;

/** The body and files of a request that makes a message look like this, whatever stood in it before. */
export function toRequest(payload: Payload): { body: Record<string, unknown>; files: RawFile[] } {
  const files = payload.files ?? [];
  return {
    body: {
      content: cut(payload.content, longestContent),
      components: payload.components ?? [],
      attachments: files.map(({ name, alt }, id) => ({
        id: String(id),
        filename: name,
        ...(alt === undefined ? {} : { description: alt }),
      })),
      allowed_mentions: { parse: [] },
    },
    files: files.map(({ name, data }) => ({ name, data })),
  };
}
