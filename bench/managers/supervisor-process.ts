// A supervisor in a process of its own, with everything that a live bot loads for it: `supervisor-process.ts ROOT`.
// It says on its standard output, a JSON object a line, when all rows are settled, and each notice with its moment.

import { loadSkills } from '../../skills/registry.ts';
import { openInstance, skillsFolder } from '../../src/instance.ts';
import { createLogger } from '../../src/log.ts';
import { codeRoot } from '../support/bench.ts';

const say = (said: object) => process.stdout.write(`${JSON.stringify(said)}\n`);
const instance = openInstance({
  root: process.argv[2] ?? '',
  loaded: await loadSkills(skillsFolder(codeRoot)),
  environment: {},
  logger: createLogger((line) => process.stderr.write(line)),
});
const begunAt = performance.now();
const running = instance.startSkills({
  notify: ({ text }) => say({ notice: text, at: performance.timeOrigin + performance.now() }),
});
// Whoever is elected settles every row before it returns.
say({ settledMs: performance.now() - begunAt });
process.once('SIGTERM', () => {
  running.stop();
  instance.close();
});
