// The only door of the local page. It is light: the server and what it needs are loaded when a bot starts one, so the
// command line does not wait for them. Nothing that fails here stops the rest of the bot.

import { isFailure } from '../../skills/tool.ts';
import type { DashboardOptions } from './options.ts';

export { createPageChat, type PageChat } from './chat.ts';
export { findPage } from './keys.ts';
export { dashboardMigrations } from './migrations.ts';
export { type DashboardOptions, isPageChannel, type PageAgent, pageChannel } from './options.ts';

/** Loads everything that the page needs: a version in which that fails is not fit to run. */
export async function checkDashboard(): Promise<void> {
  await import('./server.ts');
}

/** The page of a bot. */
export interface Dashboard {
  /** Where it is, with its token; undefined when it could not be offered. */
  readonly url: Promise<string | undefined>;
  close(): Promise<void>;
}

/** Starts the page. Returns at once; where it is, is printed as soon as it is there. */
export function startDashboard(options: DashboardOptions): Dashboard {
  const { logger, print } = options;
  const server = import('./server.ts')
    .then(({ startServer }) => startServer(options))
    .catch((error: unknown) => {
      const said = isFailure(error) ? `${error.message} ${error.hint}` : String(error);
      logger.error({}, `The page is off. ${said}`);
      return undefined;
    });
  void server.then((started) => started && print(`  Page            ${started.url}\n`));
  return {
    url: server.then((started) => started?.url),
    close: async () => (await server)?.close(),
  };
}
