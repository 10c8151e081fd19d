// The MCP server: the whole catalogue over one pair of streams, for other agents. It lives as long as its input, and
// nothing that it starts on the way, but what tools are meant to leave running, lives longer.

import type { CallToolRequest, Server } from '@modelcontextprotocol/server';
import { Failure } from '../../skills/tool.ts';
import { createCalls } from './calls.ts';
import { describeTools } from './catalogue.ts';
import type { McpOptions } from './surroundings.ts';

export { claimStdout } from './pipe.ts';

/** A client that closes the input does not wait long before it kills. */
const clearingUpMs = 800;

const longestReason = 500;
const noMessage =
  'the client sent something that is no message of MCP; it was passed over, and gets no answer';

/** Serves until the input ends, the output is closed, or it is told to stop. */
export async function serveMcp(options: McpOptions): Promise<void> {
  const { input, output, stop, logger } = options;
  const { Server, serveStdio, StdioServerTransport } = await loadPackage();
  const calls = createCalls(options);
  const transport = new StdioServerTransport(input, output);
  const report = (error: Error) => {
    // The package tells in pages of JSON which of its schemas a message does not fit.
    if (error.name === 'ZodError') logger.warn({}, noMessage);
    else logger.warn({ error: error.message.slice(0, longestReason) }, 'the connection');
  };
  const handle = serveStdio(
    ({ era }) => {
      const server = new Server(
        { name: 'understudy', title: 'Understudy', version: options.version },
        { capabilities: { tools: {} }, instructions: options.instructions },
      );
      offerTools(server, options);
      server.setRequestHandler('tools/call', (request: CallToolRequest, context) =>
        calls.handle(request.params, context, { era, capabilities: () => server.getClientCapabilities() }),
      );
      return server;
    },
    { transport, onerror: report },
  );
  await new Promise<void>((resolve) => {
    const { onclose } = transport;
    transport.onclose = () => {
      onclose?.();
      resolve();
    };
    stop.addEventListener('abort', () => resolve(), { once: true });
    if (stop.aborted) resolve();
  });
  // Those that are called off clear up after themselves, and whoever still listens hears of it.
  await calls.close(clearingUpMs);
  await handle.close();
}

function offerTools(server: Server, { tools, logger }: McpOptions): void {
  let described: ReturnType<typeof describeTools> | undefined;
  server.setRequestHandler('tools/list', () => {
    described ??= describeTools(tools, (tool, error) =>
      logger.warn({ tool, error: String(error) }, 'a tool cannot be described, and is left out'),
    );
    return { tools: described };
  });
}

/** Loaded here and not at the head, since every other command line would pay for it. */
async function loadPackage() {
  try {
    const [{ Server }, { serveStdio, StdioServerTransport }] = await Promise.all([
      import('@modelcontextprotocol/server'),
      import('@modelcontextprotocol/server/stdio'),
    ]);
    return { Server, serveStdio, StdioServerTransport };
  } catch (error) {
    throw new Failure(
      'not_installed',
      `The package @modelcontextprotocol/server cannot be loaded: ${(error as Error).message.split('\n', 1)[0]}`,
      'Install the packages in the folder of Understudy: npm ci',
      { cause: error },
    );
  }
}
