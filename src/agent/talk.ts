// What was said in a branch, what waits to be said to it, and the tool calls of its present step. Every change that
// belongs together is one transaction, so a kill leaves a conversation that can be sent to a model as it is.

import type { Database } from 'better-sqlite3';
import type { Actor, Clock } from '../../skills/tool.ts';
import type { InvalidCall, ModelMessage, Part } from './model/index.ts';

/** A message with its place. */
export type Said = ModelMessage & { readonly id: number };

/** Something that waits for the model. */
export interface News {
  /** Unique: the same news count once. */
  readonly key: string;
  /** As the model will read it. */
  readonly text: string;
  readonly actor: Actor;
  /** The message that the answer replies to. */
  readonly replyTo?: string | undefined;
}

/** `recorded`: not begun. `asking`: a person is asked; nothing was done. `running`: it may have had its effect. */
type CallState = 'recorded' | 'asking' | 'running' | 'done';

/** A tool call of the present step. */
export interface OpenCall {
  readonly position: number;
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly state: CallState;
  readonly result: string | null;
  readonly isError: boolean;
}

/** The conversation of each branch. */
export interface Talk {
  /** Keeps news; false when they were there already. */
  put(branch: string, news: News): boolean;
  hasNews(branch: string): boolean;
  /** What waits, without its texts. */
  waiting(branch: string): Omit<News, 'text'>[];
  /** The branches that something waits for. */
  withNews(): string[];
  /** Turns what waits into a message of the conversation, as much as so many characters hold, and says what it was. */
  take(branch: string, mostCharacters: number): News[];
  add(branch: string, role: ModelMessage['role'], parts: readonly Part[]): void;
  /** What is not folded away, oldest first. */
  said(branch: string): Said[];
  /** Folds away everything up to this message. */
  fold(branch: string, upTo: number): void;
  /** Keeps what the model said, and its calls; those that nobody can run have their result already. */
  record(branch: string, parts: readonly Part[], invalid: readonly InvalidCall[]): void;
  calls(branch: string): OpenCall[];
  mark(branch: string, position: number, state: CallState): void;
  close(branch: string, position: number, result: string, isError: boolean): void;
  /** All calls have their results: they become a message. */
  closeStep(branch: string): void;
  /** Forgets the oldest of what was folded away. */
  tidy(): void;
  together<T>(act: () => T): T;
}

const keptNews = 5_000;
const keptFolded = 20_000;
/** Of what no person said, only the newest wait: a program that prints without end fills neither disk nor prompt. */
const mostWaiting = 100;
const mostAtOnce = 50;

/** Opens them. */
export function createTalk(database: Database, clock: Clock): Talk {
  const now = () => new Date(clock.now()).toISOString();
  const add: Talk['add'] = (branch, role, parts) => {
    if (parts.length === 0) return;
    database
      .prepare('INSERT INTO agent_messages (branch, at, role, parts_json) VALUES (?, ?, ?, ?)')
      .run(branch, now(), role, JSON.stringify(parts));
  };
  const calls: Talk['calls'] = (branch) =>
    database
      .prepare<unknown[], Omit<OpenCall, 'input' | 'isError'> & { inputJson: string; isError: number }>(
        `SELECT position, id, name, input_json AS inputJson, state, result, is_error AS isError
         FROM agent_calls WHERE branch = ? ORDER BY position`,
      )
      .all(branch)
      .map(({ inputJson, isError, ...call }) => ({
        ...call,
        input: JSON.parse(inputJson) as unknown,
        isError: isError === 1,
      }));
  const waiting = (branch: string): { id: number; news: News }[] =>
    database
      .prepare<
        unknown[],
        { id: number; key: string; text: string; actorJson: string; replyTo: string | null }
      >(
        `SELECT id, key, text, actor_json AS actorJson, reply_to AS replyTo
         FROM agent_inbox WHERE branch = ? AND taken = 0 ORDER BY id LIMIT ${mostAtOnce}`,
      )
      .all(branch)
      .map(({ id, key, text, actorJson, replyTo }) => ({
        id,
        news: {
          ...{ key, text, actor: JSON.parse(actorJson) as Actor },
          ...(replyTo === null ? {} : { replyTo }),
        },
      }));
  return {
    put: (branch, { key, text, actor, replyTo }) =>
      database.transaction(() => {
        const { changes } = database
          .prepare(
            `INSERT OR IGNORE INTO agent_inbox (key, branch, at, text, actor_json, reply_to) VALUES (?, ?, ?, ?, ?, ?)`,
          )
          .run(key, branch, now(), text, JSON.stringify(actor), replyTo ?? null);
        // Their keys stay for a while, so that what comes twice is known.
        database
          .prepare(
            `UPDATE agent_inbox SET taken = 1, text = '' WHERE id IN
               (SELECT id FROM agent_inbox WHERE branch = ? AND taken = 0 AND key NOT LIKE 'message:%'
                ORDER BY id DESC LIMIT -1 OFFSET ${mostWaiting})`,
          )
          .run(branch);
        return changes === 1;
      })(),
    hasNews: (branch) =>
      database.prepare('SELECT 1 FROM agent_inbox WHERE branch = ? AND taken = 0').get(branch) !== undefined,
    waiting: (branch) => waiting(branch).map(({ news: { text: _, ...news } }) => news),
    withNews: () =>
      database.prepare<[], string>('SELECT DISTINCT branch FROM agent_inbox WHERE taken = 0').pluck().all(),
    take: (branch, mostCharacters) =>
      database.transaction(() => {
        let size = 0;
        const taken = waiting(branch).filter(({ news }, index) => {
          size += news.text.length;
          return index === 0 || size <= mostCharacters;
        });
        const forget = database.prepare(`UPDATE agent_inbox SET taken = 1, text = '' WHERE id = ?`);
        for (const { id } of taken) forget.run(id);
        add(
          branch,
          'user',
          taken.map(({ news }) => ({ type: 'text', text: news.text })),
        );
        database
          .prepare(
            `DELETE FROM agent_inbox WHERE taken = 1 AND id <
               (SELECT id FROM agent_inbox WHERE taken = 1 ORDER BY id DESC LIMIT 1 OFFSET ${keptNews})`,
          )
          .run();
        return taken.map(({ news }) => news);
      })(),
    add,
    said: (branch) =>
      database
        .prepare<unknown[], { id: number; role: ModelMessage['role']; partsJson: string }>(
          'SELECT id, role, parts_json AS partsJson FROM agent_messages WHERE branch = ? AND folded = 0 ORDER BY id',
        )
        .all(branch)
        .map(({ id, role, partsJson }) => ({ id, role, parts: JSON.parse(partsJson) as Part[] })),
    fold: (branch, upTo) =>
      void database
        .prepare('UPDATE agent_messages SET folded = 1 WHERE branch = ? AND id <= ?')
        .run(branch, upTo),
    record: (branch, parts, invalid) =>
      database.transaction(() => {
        add(branch, 'assistant', parts);
        const insert = database.prepare(
          `INSERT INTO agent_calls (branch, position, id, name, input_json, state, result, is_error)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        );
        const valid = parts.filter((part) => part.type === 'call');
        for (const [position, { id, name, input }] of valid.entries())
          insert.run(branch, position, id, name, JSON.stringify(input), 'recorded', null, 0);
        for (const [index, { id, name, reason }] of invalid.entries())
          insert.run(branch, valid.length + index, id, name, '{}', 'done', reason, 1);
      })(),
    calls,
    mark: (branch, position, state) =>
      void database
        .prepare('UPDATE agent_calls SET state = ? WHERE branch = ? AND position = ?')
        .run(state, branch, position),
    close: (branch, position, result, isError) =>
      void database
        .prepare(
          `UPDATE agent_calls SET state = 'done', result = ?, is_error = ? WHERE branch = ? AND position = ?`,
        )
        .run(result, isError ? 1 : 0, branch, position),
    closeStep: (branch) =>
      database.transaction(() => {
        const results = calls(branch).map(
          ({ id, name, result, isError }): Part => ({
            type: 'result',
            id,
            name,
            text: result ?? '',
            isError,
          }),
        );
        add(branch, 'tool', results);
        database.prepare('DELETE FROM agent_calls WHERE branch = ?').run(branch);
      })(),
    tidy: () =>
      void database
        .prepare(
          `DELETE FROM agent_messages WHERE folded = 1 AND id <=
             (SELECT id FROM agent_messages WHERE folded = 1 ORDER BY id DESC LIMIT 1 OFFSET ${keptFolded})`,
        )
        .run(),
    together: (act) => database.transaction(act)(),
  };
}
