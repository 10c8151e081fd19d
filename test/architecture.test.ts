// The architecture as executable rules: the table of ARCHITECTURE.md, and the proof that each rule bites.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkCycles,
  checkDataFolders,
  checkDeadFiles,
  checkImports,
  checkLengths,
  checkOnlyNode,
  type ImportTable,
  readSources,
} from './support/architecture.ts';

const root = join(import.meta.dirname, '..');
const manager = 'skills/process-manager';
const contract = 'skills/tool.ts';
const surface = [manager, contract, 'src/config.ts', 'src/database.ts'];

const table: ImportTable = {
  [contract]: [],
  'skills/policy.ts': [contract],
  'skills/confirm.ts': [contract],
  'skills/masking.ts': [contract],
  'skills/dispatch.ts': [contract, 'skills/confirm.ts', 'skills/masking.ts', 'skills/policy.ts'],
  'skills/registry.ts': [contract, 'skills/dispatch.ts'],
  [`${manager}/base`]: [contract],
  [`${manager}/processes`]: [`${manager}/base`, contract],
  [`${manager}/output`]: [`${manager}/base`, contract],
  [`${manager}/watchdog`]: [`${manager}/base`, contract],
  [`${manager}/hooks`]: [`${manager}/processes`, `${manager}/output`, `${manager}/base`, contract],
  [`${manager}/bots`]: [
    `${manager}/hooks`,
    `${manager}/processes`,
    `${manager}/output`,
    `${manager}/base`,
    `${manager}/settings.ts`,
    contract,
  ],
  [`${manager}/blocklist`]: [],
  [`${manager}/supervisor`]: [
    `${manager}/bots`,
    `${manager}/hooks`,
    `${manager}/output`,
    `${manager}/processes`,
    `${manager}/base`,
    contract,
  ],
  [`${manager}/releases`]: [`${manager}/watchdog`, `${manager}/processes`, `${manager}/base`, contract],
  [`${manager}/containers`]: [`${manager}/processes`, `${manager}/output`, `${manager}/base`, contract],
  [`${manager}/settings.ts`]: [`${manager}/settings/*`],
  [`${manager}/settings`]: [],
  [`${manager}/engine-events.ts`]: [
    `${manager}/containers`,
    `${manager}/hooks`,
    `${manager}/processes`,
    contract,
  ],
  [`${manager}/engine.ts`]: [
    contract,
    `${manager}/settings.ts`,
    `${manager}/supervisor`,
    `${manager}/bots`,
    `${manager}/containers`,
    `${manager}/engine-events.ts`,
    `${manager}/hooks`,
    `${manager}/processes`,
    `${manager}/releases`,
  ],
  [`${manager}/tools`]: [
    `${manager}/bots`,
    `${manager}/releases`,
    `${manager}/hooks`,
    `${manager}/output`,
    `${manager}/processes`,
    `${manager}/watchdog`,
    `${manager}/blocklist`,
    `${manager}/base`,
    `${manager}/settings.ts`,
    `${manager}/engine.ts`,
    contract,
    'skills/dispatch.ts',
  ],
  [manager]: [
    `${manager}/containers`,
    `${manager}/tools`,
    `${manager}/supervisor`,
    `${manager}/bots`,
    `${manager}/releases`,
    `${manager}/hooks`,
    `${manager}/output`,
    `${manager}/processes`,
    `${manager}/watchdog`,
    `${manager}/base`,
    `${manager}/settings.ts`,
    `${manager}/engine.ts`,
    contract,
  ],
  'skills/workshop': [contract, 'skills/dispatch.ts'],
  'skills/memory': [contract, 'skills/dispatch.ts'],
  'src/config': [manager, contract],
  'src/config.ts': ['src/config/*', manager, contract],
  'src/database.ts': [contract],
  'src/history.ts': [contract],
  'src/log.ts': [contract],
  'src/agent': [...surface, 'src/agent/model'],
  'src/agent/model': [manager, contract, 'src/config.ts'],
  'src/discord': surface,
  'src/mcp': surface,
  'src/dashboard': surface,
  'src/diagnosis.ts': [contract, 'skills/registry.ts', 'src/config.ts'],
  'src/instance.ts': [
    contract,
    manager,
    'skills/policy.ts',
    'skills/dispatch.ts',
    'skills/registry.ts',
    'src/config.ts',
    'src/database.ts',
    'src/diagnosis.ts',
    'src/history.ts',
    'src/agent',
  ],
  'src/cli': [
    ...surface,
    'skills/registry.ts',
    'src/instance.ts',
    'src/mcp',
    'src/dashboard',
    'src/init',
    'src/service',
  ],
  // The package: a host like src/index.ts. What makes slash commands of a catalogue has no door of its own, since the
  // door of src/discord leads to a connection, which a bot that embeds us has already.
  'src/embed': [contract, manager, 'skills/dispatch.ts', 'src/instance.ts', 'src/discord/*', 'src/discord'],
  'src/service': [contract],
  'src/init': [contract, 'src/config.ts'],
  'src/welcome.ts': ['src/instance.ts'],
  'src/agent-host.ts': [contract, 'src/agent', 'src/instance.ts'],
  'src/heartbeat.ts': [contract],
  'src/wake-up.ts': [contract],
  'src/index.ts': [
    ...surface,
    'skills/registry.ts',
    'src/instance.ts',
    'src/heartbeat.ts',
    'src/log.ts',
    'src/wake-up.ts',
    'src/welcome.ts',
    'src/agent-host.ts',
    'src/agent',
    'src/discord',
    'src/dashboard',
  ],
};

const entries = [
  'src/index.ts',
  'src/cli/understudy.js',
  'src/cli/index.ts',
  // The browser loads it.
  'src/dashboard/page/main.js',
  `${manager}/index.ts`,
  'skills/memory/index.ts',
  'skills/workshop/index.ts',
  'src/embed/index.ts',
];

const longFiles = {
  'skills/tool.ts': {
    limit: 380,
    reason: 'the whole contract in one file, so that it moves to another host as one',
  },
  'watchdog.js': { limit: 2275, reason: 'one file by contract: it must run when everything else is broken' },
};

const sources = readSources(root, ['src', 'skills', 'watchdog.js']);
const house = sources.filter(({ path }) => path !== 'watchdog.js');

describe('the house', () => {
  it('imports only along the table, through index.ts', () => {
    expect(checkImports(house, table)).toEqual([]);
  });

  it('has no circles', () => expect(checkCycles(house)).toEqual([]));

  it('has no dead files', () => expect(checkDeadFiles(house, entries)).toEqual([]));

  it('has short files, or a reason', () => expect(checkLengths(sources, 300, longFiles)).toEqual([]));

  it('imports no data', () =>
    expect(checkDataFolders(house, ['staging', 'memory', 'logs', 'backups'])).toEqual([]));

  it('keeps watchdog.js on node: modules alone', () => {
    const watchdog = sources.filter(({ path }) => path === 'watchdog.js');
    expect(watchdog.flatMap(checkOnlyNode)).toEqual([]);
    expect(watchdog.flatMap(({ imports }) => imports).length).toBeGreaterThan(0);
  });
});

describe('each rule bites', () => {
  const broken = (name: string) =>
    readSources(join(import.meta.dirname, 'fixtures/architecture', name), ['.']);

  it('on an import that the table does not allow, of a type too', () => {
    const rules = { low: [], high: ['low'] };
    expect(checkImports(broken('upward'), rules)).toEqual([
      'low/index.ts imports high/index.ts: low may not import high',
      'low/type.ts imports high/index.ts: low may not import high',
    ]);
  });

  it('on an import past the door', () => {
    expect(checkImports(broken('past-the-door'), { low: [], high: ['low'] })).toEqual([
      'high/index.ts imports low/inside.ts: low is entered through its index.ts',
    ]);
  });

  it('on a file that stands in no room', () => {
    expect(checkImports(broken('past-the-door'), { low: [] })).toContain(
      'high/index.ts: no room of the table holds it',
    );
  });

  it('on a circle, also one through re-exports and dynamic imports', () => {
    expect(checkCycles(broken('circle'))).toEqual(['a.ts -> b.ts -> c.ts -> a.ts']);
  });

  it('on a dead file', () => {
    expect(checkDeadFiles(broken('dead'), ['index.ts'])).toEqual(['forgotten.ts: nothing imports it']);
  });

  it('on a long file, and on an exception that nothing needs', () => {
    const files = broken('dead');
    expect(checkLengths(files, 1, {})).toEqual(['index.ts has 2 lines, over 1']);
    expect(checkLengths(files, 9, { 'index.ts': { limit: 20, reason: '' } })).toEqual([
      'index.ts needs no exception any more',
    ]);
  });

  it('on data that is imported', () => {
    expect(checkDataFolders(broken('data'), ['memory'])).toEqual([
      'index.ts imports memory/notes.ts, which is data',
    ]);
  });

  it('on a watchdog that needs a package or a file', () => {
    expect(broken('watchdog').flatMap(checkOnlyNode)).toEqual([
      'watchdog.js imports execa',
      'watchdog.js imports helper.js',
    ]);
  });
});
