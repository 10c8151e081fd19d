// An agent for tests: a real instance with real tables and the real dispatcher, a scripted model server that speaks
// Anthropic's wire format, and a chat that keeps what people would see.

import { onTestFinished } from 'vitest';
import type { AnySkill } from '../../skills/registry.ts';
import type { Actor, Confirmation } from '../../skills/tool.ts';
import { type Agent, type Chat, createAgent, type IncomingMessage } from '../../src/agent/index.ts';
import { createModels } from '../../src/agent/model/index.ts';
import type { AgentTiming } from '../../src/agent/surroundings.ts';
import { type Instance, openInstance } from '../../src/instance.ts';
import { type AgentServer, type Replies, startAnthropicServer } from '../agent-servers/index.ts';
import { makeInstance } from './instance.ts';
import { makeLogger } from './skill.ts';

/** A message of the agent. */
interface Post {
  readonly channel: string;
  readonly branch: string;
  readonly replyTo: string | undefined;
  text: string;
  doing: string;
  readonly drafts: string[];
  isFinished: boolean;
}

/** What people see, and say to questions. */
interface TestChat extends Chat {
  readonly posts: Post[];
  readonly asked: (Confirmation & { readonly channel: string })[];
  /** Answers the newest question. */
  answer(yes: boolean): void;
  /** False: no message can be brought to anybody. */
  isThere: boolean;
}

function makeChat(): TestChat {
  const posts: Post[] = [];
  const asked: (Confirmation & { readonly channel: string })[] = [];
  let resolve: ((yes: boolean) => void) | undefined;
  const chat: TestChat = {
    posts,
    asked,
    isThere: true,
    open(channel, { branch, replyTo }) {
      const post: Post = { channel, branch, replyTo, text: '', doing: '', drafts: [], isFinished: false };
      posts.push(post);
      return {
        write: (text) => {
          post.text = text;
          post.drafts.push(text);
        },
        doing: (note) => {
          post.doing = note;
        },
        finish: async (text) => {
          post.text = text;
          post.isFinished = true;
          return chat.isThere ? [`post-${posts.indexOf(post)}`] : [];
        },
      };
    },
    confirm: (channel, confirmation) => {
      asked.push({ ...confirmation, channel });
      return new Promise((answered) => {
        resolve = answered;
      });
    },
    typing: () => {},
    answer: (yes) => resolve?.(yes),
  };
  return chat;
}

const owner: Actor = {
  id: 'discord:1',
  name: 'ann',
  surface: 'discord',
  rights: ['read', 'operate', 'deploy'],
};
export const outsider: Actor = { id: 'discord:9', name: 'eve', surface: 'discord', rights: ['read'] };

/** An agent at work. */
export interface TestAgent {
  readonly agent: Agent;
  readonly chat: TestChat;
  readonly server: AgentServer;
  readonly instance: Instance;
  readonly notices: { text: string; channel?: string }[];
  readonly log: ReturnType<typeof makeLogger>['lines'];
  /** Somebody says something in channel `c`. */
  say(text: string, part?: Partial<IncomingMessage>): void;
  /** Ends this process's part, as far as that can be done without a kill. */
  close(): Promise<void>;
}

export interface TestAgentOptions {
  readonly replies: Replies;
  readonly root?: string;
  readonly server?: AgentServer;
  readonly config?: object;
  readonly files?: Readonly<Record<string, string>>;
  readonly skills?: readonly AnySkill[];
  readonly clock?: { now(): number };
  readonly env?: Readonly<Record<string, string>>;
  readonly timing?: Partial<AgentTiming>;
}

/** Starts one; ended with the test. */
export async function startAgent(options: TestAgentOptions): Promise<TestAgent> {
  const server = options.server ?? (await startAnthropicServer({ replies: options.replies }));
  const root =
    options.root ?? makeInstance({ 'config.json': JSON.stringify(options.config ?? {}), ...options.files });
  const logger = makeLogger();
  const clock = options.clock ?? { now: Date.now };
  const instance = openInstance({
    root,
    loaded: { skills: options.skills ?? [], failures: [] },
    environment: { ANTHROPIC_API_KEY: 'sk-test', ANTHROPIC_BASE_URL: server.url, ...options.env },
    logger,
    clock,
  });
  const { config, catalogue, dispatcher, database, briefings } = instance;
  const models = createModels({
    config,
    environment: config.environment,
    logger,
    clock: { now: Date.now },
    times: { firstWaitMs: 5, longestWaitMs: 20 },
  });
  if (!models) throw new Error('there is no model');
  const chat = makeChat();
  const notices: { text: string; channel?: string }[] = [];
  const agent = createAgent({
    ...{ root, config, tools: catalogue.entries, dispatcher, database, logger, clock, chat, briefings },
    model: models.main,
    notify: (notice) => void notices.push(notice),
    ...(options.timing && { timing: options.timing }),
  });
  agent.start();
  let count = 0;
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await agent.close();
    instance.close();
    if (!options.server) await server.close();
  };
  onTestFinished(close);
  return {
    ...{ agent, chat, server, instance, notices, log: logger.lines, close },
    say(text, part = {}) {
      agent.onMessage({
        ...{ id: `m${++count}-${Math.random()}`, channelId: 'c', text, author: owner },
        ...{ isDirect: true, mentionsBot: false },
        ...part,
      });
    },
  };
}
