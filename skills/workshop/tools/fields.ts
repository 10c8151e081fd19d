// What several tools of the workshop have in common: how a path is given, and how a change is shown.

import { z } from 'zod';
import type { View } from '../../tool.ts';

/** A path relative to staging/. */
export const pathField = z.string().max(4_000);

/** What every change gives back. */
export const changeShape = z.object({
  path: z.string(),
  change: z.enum(['created', 'changed', 'deleted', 'none']),
  /** A unified diff. */
  diff: z.string(),
});

/** A change as a person sees it. */
export function presentChange({ path, change, diff }: z.infer<typeof changeShape>): View {
  if (change === 'none') return { text: `${path} is that way already; nothing was changed.` };
  const heading = `${path} was ${change}.`;
  return diff === '' ? { text: heading } : { heading, text: diff };
}
