// What the page knows of the instance: bots, processes, the conversation, open questions. Views listen to it; only the
// stream of events writes to it.

import { get } from './api.js';
import { subscribe } from './connection.js';

/** As many as the bot keeps. */
const keptMessages = 200;

/** @typedef {{id: number, at: string, author: string, state: string, text: string, doing?: string}} Message */
/** @typedef {import('./command-line.js').Tool} Tool */

/** @returns {State} */
export function createState() {
  return new State();
}

export class State extends EventTarget {
  /** @type {Map<string, any>} from `bot:NAME` or `process:ID` */
  rows = new Map();
  /** @type {Map<number, Message>} */
  messages = new Map();
  /** @type {import('./api.js').Question[]} */
  questions = [];
  /** @type {import('./api.js').Problem | null} */
  problem = null;
  /** @type {{start: string, role: string, version: string | null, hasAgent: boolean} | undefined} */
  hello;
  /** @type {Tool[]} */
  tools = [];
  isKnown = false;
  /** @type {'connecting' | 'open' | 'away' | 'locked' | 'crowded'} */
  connection = 'connecting';

  /** @returns {any[]} */
  get bots() {
    return [...this.rows].filter(([key]) => key.startsWith('bot:')).map(([, row]) => row);
  }

  /** Those that run first, then the newest; what a bot runs now stands with the bot. @returns {any[]} */
  get processes() {
    const runs = new Set(this.bots.map(({ process }) => process));
    const all = [...this.rows]
      .filter(([key, { id }]) => key.startsWith('process:') && !runs.has(id))
      .map(([, row]) => row);
    const isOver = (/** @type {any} */ { status }) => Number(!['running', 'paused'].includes(status));
    return all.sort(
      (one, other) => isOver(one) - isOver(other) || (one.startedAt < other.startedAt ? 1 : -1),
    );
  }

  /**
   * Calls back after changes of this kind, until the view is gone.
   * @param {'rows' | 'messages' | 'questions' | 'connection' | 'restart'} kind
   * @param {AbortSignal} gone
   * @param {() => void} act
   */
  listen(kind, gone, act) {
    this.addEventListener(kind, act, { signal: gone });
  }

  /** Begins to follow the bot. */
  connect() {
    const tell = (/** @type {string} */ kind) => this.dispatchEvent(new Event(kind));
    const become = (/** @type {State['connection']} */ connection) => {
      if (this.connection === connection) return;
      this.connection = connection;
      tell('connection');
    };
    subscribe(
      '/api/events',
      {
        lost: become,
        on: {
          hello: async (hello) => {
            const before = this.hello;
            this.hello = hello;
            become('open');
            this.tools = (await get('/api/catalogue').catch(() => ({ tools: this.tools }))).tools;
            if (before && before.start !== hello.start) tell('restart');
            tell('connection');
          },
          rows: ({ changed, gone, isWhole }) => {
            if (isWhole) this.rows.clear();
            for (const key of gone) this.rows.delete(key);
            for (const [key, row] of Object.entries(changed)) this.rows.set(key, row);
            this.isKnown = true;
            tell('rows');
          },
          problem: (problem) => {
            this.problem = problem;
            tell('rows');
          },
          messages: (messages) => {
            for (const message of messages) this.messages.set(message.id, message);
            for (const id of [...this.messages.keys()].slice(0, -keptMessages)) this.messages.delete(id);
            tell('messages');
          },
          questions: (questions) => {
            this.questions = questions;
            tell('questions');
          },
        },
      },
      true,
    );
  }
}
