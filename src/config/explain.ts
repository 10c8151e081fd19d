// Turns what zod found into sentences that a person can act on: file, key, value, and what is allowed.

import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { JsonSchema } from './schema.ts';

const mostIssues = 8;

/** One line per thing that is wrong with a file, the first few of them. */
export function explainIssues(
  file: string,
  raw: unknown,
  error: z.ZodError,
  schema: JsonSchema,
  spelling: (path: string) => string = (path) => path,
): string[] {
  const lines = error.issues.flatMap((issue) => explainIssue(raw, issue, schema));
  const shown = lines.slice(0, mostIssues).map(({ path, text }) => `${file}: ${spelling(path)}${text}`);
  return lines.length > mostIssues ? [...shown, `… and ${lines.length - mostIssues} more`] : shown;
}

/** The known word that was probably meant, when one is near enough. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const lower = word.toLowerCase();
  const best = closest(
    lower,
    known.map((item) => item.toLowerCase()),
  );
  const match = known.find((item) => item.toLowerCase() === best);
  return distance(lower, best) <= Math.max(2, Math.floor(word.length / 3)) ? match : undefined;
}

function explainIssue(
  raw: unknown,
  issue: z.core.$ZodIssue,
  schema: JsonSchema,
): { path: string; text: string }[] {
  const path = issue.path.map(String);
  const joined = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(at(schema, path)?.properties ?? {});
    return issue.keys.map((key) => {
      const meant = didYouMean(key, known);
      const suggestion = meant ? ` Did you mean "${meant}"?` : '';
      return {
        path: [...path, key].join('.'),
        text: `: this key is not known.${suggestion} Allowed here: ${known.join(', ')}.`,
      };
    });
  }
  if (issue.code === 'invalid_key') {
    const why = issue.issues.map((inner) => reason(inner)).join('; ');
    return [{ path: joined, text: `: this name cannot be used. Allowed: ${why}.` }];
  }
  const value = valueAt(raw, path);
  if (issue.code === 'custom') return [{ path: joined || '(file)', text: `: ${issue.message}.` }];
  if (value === undefined) {
    return [{ path: joined, text: `: this key is missing. Allowed: ${allowed(at(schema, path), issue)}.` }];
  }
  return [
    {
      path: joined || '(file)',
      text: `: ${show(value)} is not allowed. Allowed: ${allowed(at(schema, path), issue)}.`,
    },
  ];
}

/** What a place of the file may hold, in words. */
export function allowed(schema: JsonSchema | undefined, issue?: z.core.$ZodIssue): string {
  if (schema?.enum) return schema.enum.map((item) => JSON.stringify(item)).join(', ');
  if (schema?.const !== undefined) return JSON.stringify(schema.const);
  if (schema?.type === 'number' || schema?.type === 'integer') {
    const kind = schema.type === 'integer' ? 'a whole number' : 'a number';
    const least =
      schema.exclusiveMinimum !== undefined
        ? `above ${schema.exclusiveMinimum}`
        : `from ${schema.minimum ?? 0}`;
    return `${kind} ${least}${schema.maximum === undefined ? '' : ` to ${schema.maximum}`}`;
  }
  if (schema?.format === 'uri') return 'an address that starts with http:// or https://';
  if (schema?.type === 'boolean') return 'true or false';
  if (schema?.type === 'array') return `a list of ${allowed(schema.items)}`;
  if (schema?.type === 'object')
    return schema.properties ? `an object with ${Object.keys(schema.properties).join(', ')}` : 'an object';
  if (issue && issue.code !== 'invalid_type') return reason(issue);
  return 'text';
}

function reason(issue: z.core.$ZodIssue): string {
  return issue.message.replace(/^Invalid (input|string|key): /i, '');
}

function at(schema: JsonSchema, path: readonly string[]): JsonSchema | undefined {
  let place: JsonSchema | undefined = schema;
  for (const key of path) {
    const additional: JsonSchema | undefined =
      typeof place?.additionalProperties === 'object' ? place.additionalProperties : undefined;
    place = place?.properties?.[key] ?? additional ?? place?.items;
  }
  return place;
}

function valueAt(raw: unknown, path: readonly string[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function show(value: unknown): string {
  const text = asText(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** YAML can make objects that contain themselves, and JSON lists a million deep: both have no text. */
function asText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Array.isArray(value) ? 'this list' : 'this object';
  }
}
