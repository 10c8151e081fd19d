// What the MCP server is given by whoever starts it, and the shapes of the protocol that its files share.

import type { Readable, Writable } from 'node:stream';
import type { Actor, Dispatcher, Logger, Tool, View } from '../../skills/tool.ts';

/** A tool of the catalogue, and the prefix that its name has for models. */
export interface OfferedTool {
  readonly tool: Tool;
  readonly skill: { readonly prefix: string };
}

/** What the server works with. */
export interface McpOptions {
  readonly version: string;
  /** Says in one or two sentences what is offered; models read it. */
  readonly instructions: string;
  readonly tools: readonly OfferedTool[];
  readonly dispatcher: Dispatcher;
  /** Whoever started the server: every call is theirs. */
  readonly actor: Actor;
  readonly logger: Logger;
  readonly input: Readable;
  /** Carries the protocol and nothing else. */
  readonly output: Writable;
  /** Ends the server, as the end of the input does. */
  readonly stop: AbortSignal;
  /** Draws a tool's view as text without colours. */
  draw(view: View): string;
}

/** The name by which a model calls a tool. */
export function modelName({ tool, skill }: OfferedTool): string {
  return `${skill.prefix}_${tool.name}`;
}
