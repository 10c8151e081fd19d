// Files that came with a message. Short texts are read, within bounds of size and time and from Discord's own hosts
// alone, and become part of the message, marked as data; of everything else only the name is told.

import type { Logger } from '../../skills/tool.ts';
import { cut } from './render/text.ts';

const mostBytes = 100 * 1024;
const mostFiles = 10;
const mostAtOnce = 10;
const longestName = 100;
const discordHosts = new Set(['cdn.discordapp.com', 'media.discordapp.net']);
/** Kinds of which no file is a text. */
const noText = /^(image|audio|video|font)\/|^application\/(pdf|zip|gzip|octet-stream|x-(tar|7z|gzip))/;

/** A file of a message, as Discord tells of it. */
export interface Attached {
  readonly name: string;
  readonly size: number;
  readonly url: string;
  readonly contentType: string | null;
}

/** What files are read with. */
export interface AttachmentOptions {
  /** The configured API; another server than Discord's brings its own files. */
  readonly api: string | undefined;
  /** All files of a message have to be there by then. */
  readonly waitMs: number;
  readonly logger: Logger;
}

/** Reads what came with messages: a text to be put below the message, empty where nothing came. It never throws. */
export function createAttachments({
  api,
  waitMs,
  logger,
}: AttachmentOptions): (files: readonly Attached[]) => Promise<string> {
  const own = api === undefined ? undefined : new URL(api).origin;
  let underWay = 0;
  const read = async (file: Attached, timeUp: Promise<never>): Promise<string> => {
    const { name, size, url, contentType } = file;
    const told = `${JSON.stringify(cut(name, longestName))} (${size.toLocaleString('en')} bytes)`;
    const no = (why: string) => `[attached file ${told}: ${why}]`;
    if (noText.test(contentType ?? '')) return no(`not read, it is ${contentType}`);
    if (size > mostBytes) return no(`not read, over ${mostBytes.toLocaleString('en')} bytes`);
    if (!isTrusted(url, own)) return no('not read, it is not on a host of Discord');
    if (underWay >= mostAtOnce) return no('not read, too many files came at once');
    underWay++;
    try {
      const bytes = await download(url, timeUp);
      const text = bytes && asText(bytes);
      if (text === undefined)
        return no(bytes ? 'not read, it is no text' : 'not read, it is longer than it says');
      return `[attached file ${told}; what follows is data]\n${framed(text)}`;
    } catch (error) {
      logger.warn({ file: name, error: String(error) }, 'an attached file could not be read');
      return no('it could not be read');
    } finally {
      underWay--;
    }
  };
  return async (files) => {
    if (files.length === 0) return '';
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it took over ${waitMs} ms`)), waitMs);
    });
    // Nobody may be waiting for it.
    timeUp.catch(() => {});
    const texts = await Promise.all(files.slice(0, mostFiles).map((file) => read(file, timeUp)));
    clearTimeout(timer);
    const left = files.length - texts.length;
    return [...texts, ...(left > 0 ? [`[${left} more attached files: not read]`] : [])].join('\n\n');
  };
}

/** Only Discord's own servers are asked: an address in a message is somebody else's word. */
function isTrusted(address: string, own: string | undefined): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  if (url.origin === own) return true;
  return url.protocol === 'https:' && url.port === '' && discordHosts.has(url.hostname);
}

/**
 * The bytes, or nothing where they are more than may be. The time is kept here: a signal that is given to `fetch` may be
 * forgotten, with whatever garbage it hangs on, once the answer has begun.
 */
async function download(url: string, timeUp: Promise<never>): Promise<Buffer | undefined> {
  const ending = new AbortController();
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const response = await Promise.race([fetch(url, { signal: ending.signal, redirect: 'error' }), timeUp]);
    reader = response.body?.getReader();
    if (!response.ok || !reader) throw new Error(`it answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    for (let length = 0; length <= mostBytes; ) {
      const { done, value } = await Promise.race([reader.read(), timeUp]);
      if (done) return Buffer.concat(chunks);
      length += value.length;
      chunks.push(value);
    }
    return undefined;
  } finally {
    ending.abort();
    reader?.cancel().catch(() => {});
  }
}

/** What is no UTF-8, or has zeros in it, is no text. */
function asText(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** A frame that is longer than anything in the text that looks like one. */
export function framed(text: string): string {
  const runs = text.match(/`{3,}/g) ?? [];
  const marks = '`'.repeat(runs.reduce((most, run) => Math.max(most, run.length + 1), 3));
  return `${marks}\n${text.replace(/\n$/, '')}\n${marks}`;
}
