// Values that several parts of the settings share.

import { z } from 'zod';

/** A duration in seconds. */
export const seconds = (description: string, fallback: number, most = 86_400) =>
  z.number().min(0).max(most).default(fallback).describe(`${description} (seconds)`);

/** A program and its arguments. */
export const commandLine = z
  .array(z.string().min(1))
  .min(1)
  .describe('The program and its arguments, one string each; no shell is involved');

/** A size in bytes, as people write it. */
export const memorySize = z.string().regex(/^\d+(\.\d+)?\s?(KB|MB|GB)$/i, 'a size such as 512MB or 1.5GB');

/** A path that stays within the folder it starts from. */
export const relativePath = z
  .string()
  .min(1)
  .refine((path) => !/^([/\\~]|[A-Za-z]:)/.test(path) && !path.split(/[/\\]/).includes('..'), {
    message: "a path relative to the bot's directory, without '..'",
  });
