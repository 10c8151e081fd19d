// What every provider refuses in a request: shapes that do not fit a schema, half characters, bad tools.

import { z } from 'zod';

/** The name of a tool, as narrow as the narrowest provider has it. */
export const toolName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'a name of letters, digits, _ and -');

/** A text that is not empty, nor blank. */
export const filledText = z
  .string()
  .refine((text) => text.trim() !== '', 'text content blocks must contain non-whitespace text');

/** A schema of a tool's input: an object at the root, and no union there. */
export const inputSchema = z
  .looseObject({ type: z.literal('object') })
  .refine((schema) => !['oneOf', 'anyOf', 'allOf'].some((key) => key in schema), {
    error: 'input_schema does not support oneOf, allOf, or anyOf at the top level',
  });

/** Problems with the shape of a body, in sentences; the parsed body when there are none. */
export function parseBody<Shape extends z.ZodType>(
  shape: Shape,
  body: unknown,
  text: string,
): { problems: string[]; data?: z.infer<Shape> } {
  if (body === undefined) return { problems: ['the body is no JSON'] };
  const problems: string[] = [];
  if (hasHalfCharacter(text)) problems.push('the body holds half of a surrogate pair');
  const parsed = shape.safeParse(body);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
    return { problems };
  }
  return { problems, data: parsed.data };
}

/** Names that stand there twice. */
export function twice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
}

/** JSON writes half of a pair as an escape. */
function hasHalfCharacter(text: string): boolean {
  const escapes = text.replace(/\\\\/g, '');
  return /\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}/i.test(escapes);
}
