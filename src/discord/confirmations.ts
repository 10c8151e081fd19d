// Questions that are answered with a button. A question belongs to one person and one exact input, counts once, and
// expires; a click that comes too late, again, or from somebody else does nothing but say so, to whoever clicked.

import { type ButtonInteraction, MessageFlags, type StringSelectMenuInteraction } from 'discord.js';
import type { Actor, Clock, Confirmation, Logger } from '../../skills/tool.ts';
import type { Payload, Row } from './render/payload.ts';
import { plain } from './render/text.ts';
import { mayAnswer, whoMayAnswer } from './who-may-answer.ts';

const keptAnswers = 500;

/** The prefix of the buttons' ids. */
export const confirmPrefix = 'confirm';

type Ending = 'answered' | 'expired';

/** Tells whoever clicked that the answer counts, and takes the buttons away; it counts only where that succeeds. */
type Acknowledge = (click: ButtonInteraction, yes: boolean, by: Actor) => Promise<void>;

interface Question {
  readonly confirmation: Confirmation;
  resolve(yes: boolean): void;
  readonly acknowledge: Acknowledge;
}

/** The open questions of this process. */
export interface Confirmations {
  /** Shows the question, and resolves with what the person says to it. */
  ask(confirmation: Confirmation, show: (buttons: Row) => void, acknowledge?: Acknowledge): Promise<boolean>;
  /** A click on one of its buttons, by whoever this is now: their rights may have changed since they asked. */
  answer(click: ButtonInteraction, by: Actor): Promise<void>;
  /** A call has ended: its questions are open no more. */
  forget(ids: Iterable<string>): void;
}

/** Without any question yet. */
export function createConfirmations(clock: Clock, logger: Logger): Confirmations {
  const open = new Map<string, Question>();
  const endings = new Map<string, Ending>();
  const settle = (id: string, ending: Ending) => {
    open.delete(id);
    endings.set(id, ending);
    const [oldest] = endings.keys();
    if (endings.size > keptAnswers && oldest !== undefined) endings.delete(oldest);
  };
  return {
    ask: (confirmation, show, acknowledge = acknowledgeInShort) =>
      new Promise((resolve) => {
        open.set(confirmation.id, { confirmation, resolve, acknowledge });
        show(buttons(confirmation.id));
      }),
    forget(ids) {
      for (const id of ids) {
        const found = open.get(id);
        if (!found) continue;
        settle(id, 'expired');
        found.resolve(false);
      }
    },
    async answer(click, by) {
      const [, word, id = ''] = click.customId.split(':');
      const found = open.get(id);
      if (!found) return whisper(click, reasons[endings.get(id) ?? 'unknown']);
      const { confirmation, resolve } = found;
      if (!mayAnswer(confirmation.actor, by)) {
        return whisper(click, `Only ${plain(whoMayAnswer(confirmation.actor))} can answer this.`);
      }
      if (word === 'yes' && !confirmation.actor.rights.every((right) => by.rights.includes(right))) {
        return whisper(click, 'You may not do this any more.');
      }
      if (clock.now() >= confirmation.expiresAt) {
        settle(id, 'expired');
        resolve(false);
        return whisper(click, reasons.expired);
      }
      // From here on every other click comes too late, whatever becomes of this one.
      settle(id, 'answered');
      try {
        await found.acknowledge(click, word === 'yes', by);
        resolve(word === 'yes');
      } catch (error) {
        // Who was told that the click failed must not find it carried out.
        logger.warn({ error: String(error) }, 'an answer could not be acknowledged, and does not count');
        resolve(false);
      }
    },
  };
}

const reasons: Record<Ending | 'unknown', string> = {
  answered: 'This was answered already.',
  expired: 'This question has expired. Ask again.',
  unknown: 'This question is open no more: the bot was restarted. Ask again.',
};

/** A word to whoever clicked, and nobody else. */
export async function whisper(
  click: ButtonInteraction | StringSelectMenuInteraction,
  content: string,
): Promise<void> {
  await click.reply({ content, flags: MessageFlags.Ephemeral, allowedMentions: { parse: [] } });
}

async function acknowledgeInShort(click: ButtonInteraction, yes: boolean): Promise<void> {
  await click.update({ content: yes ? 'Confirmed …' : 'Cancelled.', components: [] });
}

function buttons(id: string): Row {
  return {
    type: 1,
    components: [
      { type: 2, style: 3, label: 'Confirm', custom_id: `${confirmPrefix}:yes:${id}` },
      { type: 2, style: 2, label: 'Cancel', custom_id: `${confirmPrefix}:no:${id}` },
    ],
  };
}

/** A message that asks. */
export function asking(content: string, row: Row): Payload {
  return { content, components: [row] };
}
