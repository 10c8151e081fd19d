// The conversation of the page with the agent: how the agent talks to whoever has the page open. What was said stays in
// a small table, so that a reload or a restart of the bot shows it again; an answer that grows is shown as it grows, and
// one that a kill cut off says so.

import type { Database } from 'better-sqlite3';
import type { Clock, Confirmation, Logger } from '../../skills/tool.ts';
import { createQuestions, type Question, type Questions } from './questions.ts';

const keptMessages = 200;
const longestMessage = 100_000;
/** A growing answer is written down so often; what is newer is lost with the process. */
const noteMs = 1_000;

/** A message as the page shows it. */
export interface Message {
  readonly id: number;
  readonly at: string;
  readonly author: 'person' | 'agent' | 'notice';
  readonly state: 'growing' | 'done' | 'cut';
  readonly text: string;
  /** What is being done at the moment. */
  readonly doing?: string;
}

/** The page's side of the agent's conversations. Its first three members are what the agent calls a chat. */
export interface PageChat {
  open(
    channel: string,
    options: { readonly replyTo?: string; readonly branch: string },
  ): {
    write(text: string): void;
    doing(note: string): void;
    finish(text: string): Promise<readonly string[]>;
  };
  confirm(
    channel: string,
    confirmation: Confirmation,
    branch: string,
    signal?: AbortSignal,
  ): Promise<boolean>;
  typing(channel: string): void;
  /** Says something that nobody asked for, such as the end of a process. */
  notice(text: string): void;
  /** Keeps what the person wrote; its id. */
  say(text: string): string;
  /** Oldest first. */
  messages(): readonly Message[];
  /** What the agent asks now. */
  asked(): readonly Question[];
  /** For everything that is asked on the page. */
  readonly questions: Questions;
  /** Calls back after every change, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** What the chat works with. */
export interface PageChatOptions {
  database(): Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Hides secrets. */
  mask(text: string): string;
  /** A text that is still being written, without an end that may become a secret. */
  finished(text: string): string;
}

/** The conversation of an instance, with what was said before. */
export function createPageChat({ database, clock, logger, mask, finished }: PageChatOptions): PageChat {
  const store = createStore(database, clock, logger);
  const questions = createQuestions(clock, mask);
  const asked = new Map<string, { expiresAt: number; question: Question }>();
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  return {
    questions,
    messages: store.all,
    asked: () => {
      const now = clock.now();
      return [...asked].map(([id, { expiresAt, question }]) => {
        return { ...question, id, leftMs: Math.max(0, expiresAt - now) };
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    notice(text) {
      store.add('notice', 'done', mask(text));
      changed();
    },
    say(text) {
      const id = store.add('person', 'done', text);
      changed();
      return `page:${id}`;
    },
    typing() {
      // A message of the agent appears at once and says what it does.
    },
    open(_channel, { branch, replyTo }) {
      const id = store.add('agent', 'growing', '', branch, replyTo);
      const put = (part: Partial<Message>) => {
        store.change(id, part);
        changed();
      };
      return {
        write: (text) => put({ text: mask(finished(text)) }),
        doing: (note) => put({ doing: mask(note) }),
        finish: async (text) => {
          put({ text: mask(text), state: 'done', doing: '' });
          return [`page:${id}`];
        },
      };
    },
    async confirm(_channel, confirmation, _branch, signal) {
      const { id, expiresAt } = confirmation;
      const forget = () => questions.forget([id]);
      const timer = setTimeout(forget, Math.max(0, expiresAt - clock.now()));
      signal?.addEventListener('abort', forget);
      try {
        if (signal?.aborted) return false;
        return await questions.ask(confirmation, (question) => {
          asked.set(id, { expiresAt, question });
          changed();
        });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', forget);
        asked.delete(id);
        changed();
      }
    },
  };
}

/** The messages, in memory and in their table. A disk that is full costs the memory of them, not the conversation. */
function createStore(database: () => Database, clock: Clock, logger: Logger) {
  let messages: Message[] | undefined;
  const notedAt = new Map<number, number>();
  const attempt = (write: () => void) => {
    try {
      write();
    } catch (error) {
      logger.warn({ error: String(error) }, 'the conversation of the page could not be written down');
    }
  };
  const load = (): Message[] => {
    if (messages) return messages;
    attempt(() =>
      database().prepare("UPDATE dashboard_messages SET state = 'cut' WHERE state = 'growing'").run(),
    );
    let newest: Message[] = [];
    attempt(() => {
      newest = database()
        .prepare<[number], Message>(
          'SELECT id, at, author, state, text FROM dashboard_messages ORDER BY id DESC LIMIT ?',
        )
        .all(keptMessages);
    });
    messages = newest.reverse();
    return messages;
  };
  return {
    all: load,
    add(
      author: Message['author'],
      state: Message['state'],
      text: string,
      branch?: string,
      replyTo?: string,
    ): number {
      const all = load();
      const at = new Date(clock.now()).toISOString();
      const short = text.slice(0, longestMessage);
      let id = (all.at(-1)?.id ?? 0) + 1;
      attempt(() => {
        const { lastInsertRowid } = database()
          .prepare(
            `INSERT INTO dashboard_messages (id, at, author, state, branch, reply_to, text)
             VALUES (?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(id, at, author, state, branch ?? null, replyTo ?? null, short);
        id = Number(lastInsertRowid);
        database()
          .prepare('DELETE FROM dashboard_messages WHERE id <= ?')
          .run(id - keptMessages);
      });
      all.push({ id, at, author, state, text: short });
      for (const { id: old } of all.splice(0, all.length - keptMessages)) notedAt.delete(old);
      return id;
    },
    change(id: number, part: Partial<Message>): void {
      const all = load();
      const index = all.findIndex((message) => message.id === id);
      const before = all[index];
      if (!before) return;
      const after = { ...before, ...part, text: (part.text ?? before.text).slice(0, longestMessage) };
      all[index] = after;
      const isOver = after.state !== 'growing';
      if (!isOver && clock.now() - (notedAt.get(id) ?? 0) < noteMs) return;
      if (isOver) notedAt.delete(id);
      else notedAt.set(id, clock.now());
      attempt(() =>
        database()
          .prepare('UPDATE dashboard_messages SET text = ?, state = ? WHERE id = ?')
          .run(after.text, after.state, id),
      );
    },
  };
}
