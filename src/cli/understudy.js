#!/usr/bin/env node
// The `understudy` command. This file runs before anything is known to work: it says so when Node is too old or
// the packages are missing, and then starts src/cli/index.ts, as fast as this Node can.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(
    'node_too_old',
    `Understudy needs Node 20.19 or newer, and this is Node ${process.versions.node}.`,
    'Install a newer Node (https://nodejs.org), or put it first in PATH.',
  );
} else {
  import('./launch.js')
    .then(({ launch }) => launch())
    .catch((error) => {
      if (
        error.code === 'ERR_MODULE_NOT_FOUND' &&
        /'(tsx|esbuild|commander|zod|yaml|better-sqlite3)/.test(error.message)
      ) {
        const folder = new URL('../..', import.meta.url).pathname;
        fail(
          'not_installed',
          `The packages of Understudy are not installed in ${folder}.`,
          `Install them: cd ${folder} && npm ci`,
        );
      } else {
        fail(
          'broken_code',
          `The code of Understudy does not load: ${String(error.message).split('\n')[0]}`,
          'See all of it with: npm run types, then mend it or put the files back with git.',
        );
        if (process.env.UNDERSTUDY_DEBUG) console.error(error);
      }
    });
}

/**
 * @param {string} code
 * @param {string} message
 * @param {string} hint
 */
function fail(code, message, hint) {
  process.exitCode = 1;
  if (process.argv.includes('--json')) console.log(JSON.stringify({ error: { code, message, hint } }));
  else console.error(`${message}\n-> ${hint}`);
}
