// A bot with its page for tests: a real instance with the real process manager and its supervisor, a real server on a
// free port, and requests as a browser sends them.

import { onTestFinished } from 'vitest';
import manager, { createMask } from '../../skills/process-manager/index.ts';
import type { AnySkill } from '../../skills/registry.ts';
import type { Clock } from '../../skills/tool.ts';
import {
  createPageChat,
  type Dashboard,
  type DashboardOptions,
  dashboardMigrations,
  type PageAgent,
  type PageChat,
  startDashboard,
} from '../../src/dashboard/index.ts';
import { finishedPart } from '../../src/discord/index.ts';
import { type Instance, openInstance } from '../../src/instance.ts';
import { makeInstance } from './instance.ts';
import { endNow } from './manager.ts';
import { makeLogger } from './skill.ts';

/** A page that is offered by the test's own process. */
export interface TestPage {
  readonly root: string;
  readonly instance: Instance;
  readonly chat: PageChat;
  /** With the token. */
  readonly url: string;
  /** Without it. */
  readonly origin: string;
  readonly cookie: string;
  readonly printed: string[];
  readonly log: ReturnType<typeof makeLogger>['lines'];
  /** A request with the cookie, as the page itself sends it. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** A JSON request, and all lines of its answer. */
  call(tool: string, input?: object, more?: object): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** What a test decides. */
export interface TestPageOptions {
  readonly root?: string;
  readonly config?: object;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly skills?: readonly AnySkill[];
  readonly clock?: Clock;
  readonly timing?: DashboardOptions['timing'];
  readonly makeAgent?: (chat: PageChat) => PageAgent;
  /** Nobody watches the processes. */
  readonly isUnsupervised?: boolean;
}

/** Starts one; ended with the test. */
export async function startPage(options: TestPageOptions = {}): Promise<TestPage> {
  const root =
    options.root ?? makeInstance({ 'config.json': JSON.stringify(options.config ?? {}), ...options.files });
  const logger = makeLogger();
  const clock = options.clock ?? { now: Date.now };
  const instance = openInstance({
    root,
    loaded: { skills: options.skills ?? [manager as never], failures: [] },
    environment: { ...options.env },
    logger,
    clock,
    migrations: dashboardMigrations,
  });
  const { config, catalogue, dispatcher, database } = instance;
  database();
  const { secrets } = config.environment;
  const finished = (text: string) => finishedPart(text, secrets);
  const chat = createPageChat({ database, clock, logger, mask: createMask(secrets), finished });
  const printed: string[] = [];
  const agent = options.makeAgent?.(chat);
  const dashboard = startDashboard({
    ...{ root, config, tools: catalogue.entries, dispatcher, logger, clock, chat },
    ...(agent ? { agent } : {}),
    timing: { lookMs: 50, sampleMs: 200, quietSampleMs: 60_000, beatMs: 1_000, ...options.timing },
    print: (text) => void printed.push(text),
  });
  const skills = options.isUnsupervised ? undefined : instance.startSkills({ notify: () => {} });
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    skills?.stop();
    await dashboard.close();
    instance.close();
  };
  onTestFinished(async () => {
    if (!isClosed) endAll(instance);
    await close();
  });
  return { root, instance, chat, printed, log: logger.lines, close, ...(await visit(dashboard)) };
}

async function visit(dashboard: Dashboard) {
  const url = (await dashboard.url) ?? '';
  if (url === '') return { url, origin: '', cookie: '', fetch, call: async () => [] };
  const { origin } = new URL(url);
  const enter = () => fetch(url, { redirect: 'manual' });
  // A connection that was kept to the server before on this port is dead by now, and fetch finds that out by trying.
  const answer = await enter().catch(enter);
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  const withCookie: TestPage['fetch'] = (path, init = {}) =>
    fetch(new URL(path, origin), {
      ...init,
      headers: { cookie, origin, 'content-type': 'application/json', ...(init.headers ?? {}) },
    });
  return {
    ...{ url, origin, cookie, fetch: withCookie },
    call: async (tool: string, input: object = {}, more: object = {}) => {
      const body = JSON.stringify({ tool, input, ...more });
      const text = await (await withCookie('/api/call', { method: 'POST', body })).text();
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

/** The events of a stream, as they come; `close` ends it. */
export async function openStream(page: TestPage, path: string) {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const response = await page.fetch(path, { signal: gone.signal });
  const events: { event: string; data: unknown; at: number }[] = [];
  const ended = (async () => {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const parts = rest.split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const [, event = ''] = /^event: (.*)$/m.exec(part) ?? [];
        const [, data = 'null'] = /^data: (.*)$/m.exec(part) ?? [];
        events.push({ event, data: JSON.parse(data), at: performance.now() });
      }
    }
  })().catch(() => {});
  return {
    response,
    events,
    ended,
    of: <T>(name: string) => events.filter(({ event }) => event === name).map(({ data }) => data as T),
    close: () => gone.abort(),
  };
}

function endAll(instance: Instance): void {
  const has = instance.database().prepare("SELECT 1 FROM sqlite_master WHERE name = 'processes'").get();
  if (has === undefined) return;
  const rows = instance
    .database()
    .prepare('SELECT id, shim_pid AS shimPid, shim_start AS shimStart FROM processes WHERE ended_at IS NULL')
    .all();
  for (const row of rows) endNow(row as never);
}
