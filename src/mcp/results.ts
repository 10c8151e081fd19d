// What a call gives back: the tool's output as it is, and the same drawn as text; or a failure in words that a model can
// act upon. Nothing here throws, since an answer that cannot be drawn is still an answer.

import type { CallToolResult } from '@modelcontextprotocol/server';
import type { Failure, Tool, View } from '../../skills/tool.ts';

/** Beyond this the text is cut in its middle; the structured content has all of it. */
const longestText = 60_000;

/** The result of a call that ran. `notes` is what the tool said meanwhile. */
export function succeeded(
  tool: Tool,
  output: Record<string, unknown>,
  notes: readonly string[],
  draw: (view: View) => string,
): CallToolResult {
  const text = [...notes, drawn(tool, output, draw)].filter((part) => part !== '').join('\n');
  return {
    content: [{ type: 'text', text: shorten(text) || 'done' }],
    structuredContent: output,
    ...(tool.isFailure(output) ? { isError: true } : {}),
  };
}

/** The result of a call that was refused or failed. */
export function failed({ code, message, hint }: Failure, notes: readonly string[] = []): CallToolResult {
  const text = [...notes, `${code}: ${message}`, `-> ${hint}`].join('\n');
  return {
    content: [{ type: 'text', text: shorten(text) }],
    isError: true,
    // For programs; structured content would have to look like the tool's output.
    _meta: { 'understudy/error': { code, message, hint } },
  };
}

function drawn(tool: Tool, output: Record<string, unknown>, draw: (view: View) => string): string {
  try {
    if (tool.present) return draw(tool.present(output));
  } catch {
    // A tool that cannot show its output has done its work all the same.
  }
  return JSON.stringify(output, null, 2);
}

function shorten(text: string): string {
  if (text.length <= longestText) return text;
  const half = longestText / 2;
  return `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters are left out …]\n${text.slice(-half)}`;
}
