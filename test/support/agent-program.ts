// A process with an agent in it, for tests that kill it: its tools and its chat leave lines in files, and it can be told
// to die right before its n-th change of the database.
//
// node --import tsx agent-program.ts ROOT URL [KILL-AT [LIST]]

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAgent } from '../../src/agent/index.ts';
import { createModels } from '../../src/agent/model/index.ts';
import { openInstance } from '../../src/instance.ts';
import { makeSkill, makeTool } from './skill.ts';

const [root = '', url = '', killAt = '0', list] = process.argv.slice(2);
const note = (name: string, text: string) => appendFileSync(join(root, name), `${JSON.stringify(text)}\n`);
const logger = {
  debug() {},
  info() {},
  warn: (_: object, text: string) => note('log', text),
  error: (fields: object) => note('log', JSON.stringify(fields)),
};

const skill = makeSkill([
  makeTool('act', 'operate', {
    handler: async (_, { target }) => {
      note('ran', target);
      return { done: target };
    },
  }),
  makeTool('die', 'operate', {
    handler: async () => {
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    },
  }),
]);
const instance = openInstance({
  root,
  loaded: { skills: [skill], failures: [] },
  environment: { ANTHROPIC_API_KEY: 'sk-test', ANTHROPIC_BASE_URL: url },
  logger,
});
const database = instance.database();
let left = Number(killAt);
const prepare = database.prepare.bind(database);
database.prepare = ((sql: string) => {
  const statement = prepare(sql);
  if (!/^\s*(INSERT|UPDATE|DELETE)/i.test(sql) || !/agent_/.test(sql)) return statement;
  const run = statement.run.bind(statement);
  statement.run = ((...values: unknown[]) => {
    if (list) appendFileSync(list, `${sql.replace(/\s+/g, ' ').trim().slice(0, 60)}\n`);
    if (--left === 0) process.kill(process.pid, 'SIGKILL');
    return run(...values);
  }) as typeof statement.run;
  return statement;
}) as typeof database.prepare;

const models = createModels({
  config: instance.config,
  environment: instance.config.environment,
  logger,
  clock: { now: Date.now },
});
if (!models) throw new Error('there is no model');
let posts = 0;
const agent = createAgent({
  root,
  config: instance.config,
  tools: instance.catalogue.entries,
  dispatcher: instance.dispatcher,
  database: instance.database,
  logger,
  clock: { now: Date.now },
  chat: {
    open: () => ({
      write() {},
      doing() {},
      finish: async (text) => {
        note('said', text);
        return [`post-${process.pid}-${++posts}`];
      },
    }),
    confirm: async () => true,
    typing() {},
  },
  briefings: instance.briefings,
  notify: () => {},
  model: models.main,
});
agent.start();
agent.onMessage({
  ...{ id: 'm1', channelId: 'c', text: 'do it twice', isDirect: true, mentionsBot: false },
  author: { id: 'discord:1', name: 'ann', surface: 'discord', rights: ['read', 'operate', 'deploy'] },
});
writeFileSync(join(root, 'heard'), '');
// Should the test have ended meanwhile, nobody waits for this process any more.
setTimeout(() => process.exit(3), 120_000).unref();
const timer = setInterval(() => {
  if (agent.busy() > 0) return;
  clearInterval(timer);
  void agent.close().then(() => instance.close());
}, 5);
