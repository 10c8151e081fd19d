// The live (or staging) bot. Wiring only: it opens the instance of its own folder, says what works, and stays up
// until it is told to stop. `--check` opens everything, says so, and ends: the smallest gate of a release.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSkills } from '../skills/registry.ts';
import { isFailure } from '../skills/tool.ts';
import { findRoot } from './config.ts';
import { type Instance, openInstance, skillsFolder } from './instance.ts';
import { createLogger } from './log.ts';
import { welcome } from './welcome.ts';

const codeRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const logger = createLogger();
/** sysexits.h: the configuration is wrong, so that the watchdog need not try again. */
const configurationExit = 78;

try {
  await start();
} catch (error) {
  process.exitCode = 1;
  if (isFailure(error)) {
    process.stderr.write(`${error.message}\n-> ${error.hint}\n`);
    if (/^(config|environment)_/.test(error.code)) process.exitCode = configurationExit;
  } else {
    logger.error({ error: error instanceof Error ? error.stack : String(error) }, 'the bot could not start');
  }
}

async function start(): Promise<void> {
  const root = findRoot(process.env.UNDERSTUDY_ROOT ?? process.cwd(), process.cwd());
  const loaded = await loadSkills(skillsFolder(codeRoot));
  const instance = openInstance({ root, loaded, environment: process.env, logger });
  instance.database();
  if (process.argv.includes('--check')) {
    check(instance, loaded.failures);
    return;
  }
  for (const { name, reason } of loaded.failures)
    logger.error({ skill: name, reason }, 'a skill did not load');
  process.stdout.write(welcome(instance));
  stayUp(instance, instance.startSkills({ notify: ({ text }) => logger.info({}, text) }));
}

function check(instance: Instance, failures: readonly { name: string; reason: string }[]): void {
  instance.close();
  for (const { name, reason } of failures) process.stderr.write(`skills/${name} does not load: ${reason}\n`);
  if (failures.length > 0) process.exitCode = 1;
  else
    process.stdout.write(
      `ok: ${instance.catalogue.entries.length} tools, configuration and database are sound\n`,
    );
}

/** Nothing else holds the process open while neither Discord nor the page is on. */
function stayUp(instance: Instance, skills: { stop(): void }): void {
  const alive = setInterval(() => {}, 2 ** 30);
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'stopping');
    clearInterval(alive);
    skills.stop();
    instance.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
