// Puts into words what people see: results, failures, questions, progress, notices. Secrets are masked here once more,
// since progress, questions and notices do not pass through the dispatcher's mask.

import type { Confirmation, Failure, Progress, View } from '../../../skills/tool.ts';
import { whoMayAnswer } from '../who-may-answer.ts';
import type { Payload } from './payload.ts';
import { renderTable } from './table.ts';
import { cut, fence, fenceWithin, firstThatFit, lastThatFit, longestContent, plain } from './text.ts';

const shownSteps = 12;
const longestProgress = 1_800;
const longestSentence = 300;
const longestLine = 200;
const linesOfSentence = 3;
const mostFileBytes = 8 * 1024 ** 2;
const barLength = 16;

/** Writes messages. */
export interface Writer {
  result(name: string, view: View, notes: readonly string[], failed: boolean): Payload;
  failure(failure: Failure): Payload;
  question(confirmation: Confirmation): string;
  progress(title: string, steps: readonly string[], last: Progress | undefined): string;
  /** A text of others: its first line as a sentence, what follows in a frame. */
  passage(text: string, most: number): string;
  /** Something of ours that may hold names or texts of others. */
  sentence(text: string): string;
  /** What a panel shows: never a file. */
  glance(view: View, most: number): string;
  tail(lines: readonly string[], most: number): string;
}

/** A writer for an instance; `verbs` turn `understudy VERB` in hints into the slash command. */
export function createWriter(mask: (text: string) => string, verbs: ReadonlyMap<string, string>): Writer {
  /** What to type here instead of at the command line. */
  const asCommands = (text: string) =>
    text.replaceAll(/\bunderstudy (\w+)/g, (whole, verb: string) => {
      const command = verbs.get(verb);
      return command === undefined ? whole : `/${command} ${verb}`;
    });
  const sentence = (text: string) => plain(asCommands(mask(text)));
  return {
    sentence,
    result(name, view, notes, failed) {
      const parts = blocksOf(view).map((block) => ({ ...block, text: mask(block.text) }));
      const heading = view.heading === undefined ? [] : [`**${sentence(view.heading)}**`];
      const said = notes.map((note) => `-# ${sentence(oneLine(note))}`);
      const head = [...(failed ? ['⚠️ It did not work out.'] : []), ...heading];
      const drawn = (blocks: readonly Block[]) =>
        [
          ...head,
          ...blocks.map((block) => (block.isCode ? fence(block.text) : sentence(block.text))),
          ...said,
        ].join('\n');
      const whole = drawn(parts);
      if (whole.length <= longestContent) return { content: whole === '' ? 'Done.' : whole };
      return shortened(name, parts, [...head, ...said]);
    },
    failure: ({ message, hint }) => ({
      content: cut(
        `⛔ ${cut(sentence(message), 1_500)}\n-# ${cut(sentence(oneLine(hint)), 400)}`,
        longestContent,
      ),
    }),
    question({ question, input, actor, expiresAt }) {
      const fields = Object.entries((input ?? {}) as Record<string, unknown>).filter(
        ([, value]) => value !== undefined && value !== false,
      );
      const shown = fields.map(
        ([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      const until = Math.floor(expiresAt / 1_000);
      return [
        `**${cut(sentence(question), 500)}**`,
        ...(shown.length === 0 ? [] : [fenceWithin(mask(shown.join('\n')), 1_000, firstThatFit)]),
        `-# Only ${sentence(whoMayAnswer(actor))} can answer, until <t:${until}:T>.`,
      ].join('\n');
    },
    progress(title, steps, last) {
      const shown = steps.slice(-shownSteps).map((step) => cut(oneLine(mask(step)), 140));
      const hidden = steps.length - shown.length;
      const lines = shown.map((step, index) => `${index === shown.length - 1 ? '▸' : '✓'} ${step}`);
      const bar = last?.fraction === undefined ? [] : [barOf(last.fraction)];
      const body = [...(hidden > 0 ? [`… ${hidden} earlier steps`] : []), ...lines, ...bar].join('\n');
      return `**${sentence(title)}** …${body === '' ? '' : `\n${fenceWithin(body, longestProgress, lastThatFit)}`}`;
    },
    passage(text, most) {
      const [first = '', ...rest] = mask(text).split('\n');
      const head = cut(sentence(first), Math.min(most, 1_000));
      const body = rest.join('\n').trim();
      const room = most - head.length - 1;
      return body === '' || room < 40 ? head : `${head}\n${fenceWithin(body, room, lastThatFit)}`;
    },
    glance: (view, most) => {
      const hasTables = view.table !== undefined || (view.tables ?? []).length > 0;
      const text = hasTables ? tablesOf(view) : asCommands(tablesOf(view));
      return fenceWithin(mask(text), most, firstThatFit);
    },
    tail(lines, most) {
      // Masked before anything is cut, here as everywhere: half a secret is known to nobody.
      const masked = mask(lines.join('\n')).split('\n');
      return fenceWithin(masked.map((line) => cut(line, longestLine)).join('\n'), most, lastThatFit);
    },
  };
}

interface Block {
  readonly text: string;
  readonly isCode: boolean;
  /** Which end of it says more. */
  readonly keeps: 'first' | 'last';
}

function blocksOf(view: View): Block[] {
  const tables = tablesOf({ ...(view.table ? { table: view.table } : {}), tables: view.tables ?? [] });
  const notes = (view.notes ?? []).join('\n').replace(/^\n+/, '');
  return [
    ...(tables === '' ? [] : [{ text: tables, isCode: true, keeps: 'first' as const }]),
    ...[view.text ?? '', notes]
      .filter((text) => text !== '')
      .map((text) => ({ text, isCode: !isSentence(text), keeps: 'last' as const })),
  ];
}

function tablesOf({ table, tables = [], text }: View): string {
  const all = [...(table ? [table] : []), ...tables].map((each) => renderTable(each));
  return [...all, ...(all.length === 0 && text !== undefined ? [text] : [])].join('\n\n');
}

/** All of it in a file, and the end that says more in the message. */
function shortened(name: string, parts: readonly Block[], others: readonly string[]): Payload {
  const all = parts.map(({ text }) => text).join('\n\n');
  const bytes = Buffer.from(all);
  const isCut = bytes.length > mostFileBytes;
  const file = `${name.replaceAll(/[^\w-]/g, '_')}.txt`;
  const note = `-# ${isCut ? 'The end' : 'All'} of it, ${all.split('\n').length} lines: ${plain(file)}`;
  const shownOthers = cut(others.map((text) => cut(text, 400)).join('\n'), 900);
  const room = longestContent - shownOthers.length - note.length - 2;
  const [biggest] = [...parts].sort((one, other) => other.text.length - one.text.length);
  const shown = fenceWithin(
    biggest?.text ?? '',
    room,
    biggest?.keeps === 'first' ? firstThatFit : lastThatFit,
  );
  return {
    content: [shownOthers, shown, note].filter((text) => text !== '').join('\n'),
    files: [{ name: file, data: isCut ? bytes.subarray(bytes.length - mostFileBytes) : bytes }],
  };
}

function barOf(fraction: number): string {
  const share = Math.min(1, Math.max(0, fraction));
  const filled = Math.round(share * barLength);
  return `${'█'.repeat(filled)}${'░'.repeat(barLength - filled)} ${Math.round(share * 100)} %`;
}

function isSentence(text: string): boolean {
  return text.length <= longestSentence && text.split('\n').length <= linesOfSentence;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
