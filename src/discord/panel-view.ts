// How the status panel looks: all bots and processes, a menu to choose one, its last lines, and buttons for it.

import { z } from 'zod';
import type { View } from '../../skills/tool.ts';
import type { Payload, Row } from './render/payload.ts';
import { cut } from './render/text.ts';
import type { Writer } from './render/writer.ts';

/** The prefix of the ids of everything that can be pressed. */
export const panelPrefix = 'panel';

const mostOptions = 25;
const longestList = 1_150;
const longestTail = 600;
const shownLines = 8;

const listSchema = z.object({
  bots: z
    .array(z.object({ name: z.string(), state: z.string(), startCount: z.number().default(1) }))
    .default([]),
  processes: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      status: z.string(),
      command: z.string(),
      bot: z.string().nullish(),
    }),
  ),
});
const statusSchema = z.object({ tail: z.array(z.string()).default([]) });

/** Something that can be chosen in a panel. */
export interface Target {
  readonly kind: 'bot' | 'process';
  /** What tools call it. */
  readonly word: string;
  readonly name: string;
  readonly state: string;
}

/** What stands in a panel. */
export interface PanelContent {
  readonly view: View;
  readonly targets: readonly Target[];
  readonly chosen: Target | undefined;
  /** The last lines of what is chosen. */
  readonly tail: readonly string[];
  /** False once nobody has used it for a while. */
  readonly isFresh: boolean;
  readonly at: number;
}

/** The bots first, then processes that run, then the others. */
export function targetsOf(list: unknown): Target[] {
  const { bots, processes } = listSchema.parse(list);
  const isOver = (status: string) => !['running', 'paused'].includes(status);
  const names = new Set(bots.map(({ name }) => name));
  // The run of a bot is chosen as the bot.
  const own = processes.filter(({ name }) => !names.has(name));
  const ordered = [
    ...own.filter(({ status }) => !isOver(status)),
    ...own.filter(({ status }) => isOver(status)),
  ];
  return [
    ...bots.map(({ name, state }): Target => ({ kind: 'bot', word: name, name, state })),
    ...ordered.map(({ id, name, status }): Target => ({ kind: 'process', word: id, name, state: status })),
  ].slice(0, mostOptions);
}

/** The last lines that `status` tells. */
export function tailOf(status: unknown): string[] {
  return statusSchema.parse(status).tail.slice(-shownLines);
}

/** The panel as a message. */
export function drawPanel(writer: Writer, content: PanelContent): Payload {
  const { view, targets, chosen, tail, isFresh, at } = content;
  const moment = `<t:${Math.floor(at / 1_000)}:T>`;
  const head = chosen
    ? `**${writer.sentence(cut(chosen.name, 60))}** · ${writer.sentence(chosen.state)}`
    : '';
  return {
    content: [
      writer.glance(view, longestList),
      ...(chosen ? [head, writer.tail(tail.length === 0 ? ['(no output)'] : tail, longestTail)] : []),
      isFresh ? `-# As of ${moment}` : `-# As of ${moment}; press Refresh to go on.`,
    ].join('\n'),
    components: rowsOf(targets, chosen),
  };
}

function rowsOf(targets: readonly Target[], chosen: Target | undefined): Row[] {
  const options = targets.map(({ word, name, state, kind }) => ({
    label: cut(name, 100),
    value: cut(word, 100),
    description: cut(kind === 'bot' ? `bot · ${state}` : `${word} · ${state}`, 100),
    default: word === chosen?.word,
  }));
  const menu: Row = {
    type: 1,
    components: [
      { type: 3, custom_id: `${panelPrefix}:pick`, placeholder: 'Choose a bot or a process', options },
    ],
  };
  const isOver = chosen?.kind === 'process' && !['running', 'paused'].includes(chosen.state);
  const button = (verb: string, label: string, style: 1 | 2 | 4, disabled: boolean) =>
    ({ type: 2, style, label, custom_id: `${panelPrefix}:${verb}`, disabled }) as const;
  return [
    ...(options.length === 0 ? [] : [menu]),
    {
      type: 1,
      components: [
        button('refresh', 'Refresh', 2, false),
        button('logs', 'Logs', 2, !chosen),
        button('restart', 'Restart', 1, chosen?.kind !== 'bot'),
        button('stop', 'Stop', 4, !chosen || isOver === true),
      ],
    },
  ];
}
