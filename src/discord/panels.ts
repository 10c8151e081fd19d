// Status panels: the answer to `/process list`, which refreshes itself while it is used. What a panel shows stands in
// its message, so buttons of panels that an earlier process made work too. Bounded: one panel a channel refreshes
// itself, five in all, each for ten minutes after somebody last used it.

import type { ButtonInteraction, StringSelectMenuInteraction } from 'discord.js';
import type { Actor, Clock, Dispatcher, Logger } from '../../skills/tool.ts';
import { type Asking, asFailure, type Calls } from './calls.ts';
import { whisper } from './confirmations.ts';
import type { Address } from './delivery.ts';
import type { LiveMessage } from './live-message.ts';
import { drawPanel, type PanelContent, tailOf, targetsOf } from './panel-view.ts';
import type { Writer } from './render/writer.ts';
import type { Offered, Timing } from './surroundings.ts';

const mostPanels = 5;
const logLines = 40;

/** What panels work with. */
export interface PanelSurroundings {
  readonly calls: Calls;
  readonly dispatcher: Dispatcher;
  readonly writer: Writer;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly logger: Logger;
  find(tool: string): Offered | undefined;
}

/** The panels that are looked after. */
export interface Panels {
  /** Turns an acknowledged `/process list` into a panel. */
  open(address: Address, actor: Actor, input: Record<string, unknown>): Promise<void>;
  /** Somebody who may look pressed a button or chose something. */
  use(click: ButtonInteraction | StringSelectMenuInteraction, actor: Actor): Promise<void>;
  close(): void;
}

interface Panel {
  address: Address;
  readonly live: LiveMessage;
  /** Whose rights it is refreshed with: those of whoever used it last. */
  actor: Actor;
  input: Record<string, unknown>;
  chosen: string | undefined;
  until: number;
  timer: NodeJS.Timeout | undefined;
  busy: boolean;
}

/** Without any panel yet. */
export function createPanels(surroundings: PanelSurroundings): Panels {
  const { calls, dispatcher, writer, timing, clock, logger } = surroundings;
  const panels = new Map<string, Panel>();
  const underWay = new Set<string>();

  const idOf = ({ address }: Panel) => address.messageId ?? '';
  const isKept = (panel: Panel) => panels.get(idOf(panel)) === panel;
  const forget = (panel: Panel) => {
    clearTimeout(panel.timer);
    if (isKept(panel)) panels.delete(idOf(panel));
  };
  /** Another one takes its place: it shows once more how things are, and says that it stands still. */
  const retire = (panel: Panel) => {
    forget(panel);
    panel.until = 0;
    void refresh(panel);
  };
  const add = (address: Address, part: Pick<Panel, 'actor' | 'input' | 'chosen'>): Panel => {
    for (const other of [...panels.values()])
      if (other.address.channelId === address.channelId) retire(other);
    const [oldest] = panels.values();
    if (panels.size >= mostPanels && oldest) retire(oldest);
    const live = calls.live(() => panel.address);
    const panel: Panel = { address, live, until: 0, timer: undefined, busy: false, ...part };
    panels.set(idOf(panel), panel);
    return panel;
  };

  async function contentOf(panel: Panel, isRepeated: boolean): Promise<PanelContent> {
    const { actor, input, chosen } = panel;
    const list = await dispatcher.call(actor, 'list', input, { isRepeated });
    const view = surroundings.find('list')?.tool.present?.(list) ?? {};
    const targets = targetsOf(list);
    const [only] = targets.length === 1 ? targets : [];
    const found = targets.find(({ word }) => word === chosen) ?? only;
    const status = found
      ? await dispatcher
          .call(actor, 'status', { process: found.word }, { isRepeated: true })
          .catch(() => ({}))
      : {};
    const at = clock.now();
    const isFresh = at + timing.panelMs < panel.until;
    return { view, targets, chosen: found, tail: tailOf(status), isFresh, at };
  }

  /** Shows how things are, and plans the next look. */
  async function refresh(panel: Panel, isRepeated = true): Promise<void> {
    if (panel.busy) return;
    // Somebody has deleted the message.
    if (panel.live.isOver) return forget(panel);
    panel.busy = true;
    clearTimeout(panel.timer);
    try {
      const content = await contentOf(panel, isRepeated);
      if (!isKept(panel)) {
        void panel.live.finish(drawPanel(writer, content));
        return;
      }
      panel.live.show(() => drawPanel(writer, content));
      if (content.isFresh) panel.timer = setTimeout(() => void refresh(panel), timing.panelMs);
    } catch (error) {
      // Whoever lost the right to look, or a database that is busy: the button tries again.
      logger.debug({ error: String(error) }, 'a panel is not refreshed any more');
      if (isRepeated) return;
      forget(panel);
      void panel.live.finish(writer.failure(asFailure(error)));
    } finally {
      panel.busy = false;
    }
  }

  const touch = (panel: Panel, isRepeated = true) => {
    panel.until = clock.now() + timing.panelLifeMs;
    void refresh(panel, isRepeated);
  };

  async function use(click: ButtonInteraction | StringSelectMenuInteraction, actor: Actor): Promise<void> {
    const [, verb = ''] = click.customId.split(':');
    const panel =
      panels.get(click.message.id) ?? add(addressOf(click), { actor, input: {}, chosen: chosenIn(click) });
    panel.actor = actor;
    if (click.isStringSelectMenu()) panel.chosen = click.values[0];
    if (click.isStringSelectMenu() || verb === 'refresh') {
      await click.deferUpdate();
      // From now on its token opens the message, also in a channel that the bot itself cannot see.
      panel.address = {
        ...addressOf(click),
        token: click.token,
        tokenUntil: clock.now() + timing.tokenMs,
      };
      touch(panel);
      return;
    }
    const target = targetIn(click, panel.chosen);
    const offered = target && surroundings.find(toolFor(verb, target.kind));
    if (!target || !offered) return whisper(click, 'Choose a bot or a process first.');
    const key = `${target.word} ${verb}`;
    if (verb !== 'logs' && underWay.has(key)) return whisper(click, 'This is under way already.');
    underWay.add(key);
    try {
      await act(click, actor, offered, inputFor(verb, target));
    } finally {
      underWay.delete(key);
    }
    touch(panel);
  }

  /** Runs a tool for whoever clicked; only they see the answer. */
  async function act(
    click: Asking,
    actor: Actor,
    offered: Offered,
    input: Record<string, unknown>,
  ): Promise<void> {
    const address = await calls.acknowledge(click, true);
    if (address) await calls.run({ address, actor, offered, input, isPrivate: true });
  }

  return {
    use,
    async open(address, actor, input) {
      const panel = add(address, { actor, input, chosen: undefined });
      touch(panel, false);
    },
    close() {
      for (const panel of [...panels.values()]) {
        forget(panel);
        panel.live.abandon();
      }
    },
  };
}

function toolFor(verb: string, kind: 'bot' | 'process'): string {
  return verb === 'stop' && kind === 'process' ? 'kill' : verb;
}

function inputFor(
  verb: string,
  { word, kind }: { word: string; kind: 'bot' | 'process' },
): Record<string, unknown> {
  if (verb === 'logs') return { process: word, lines: logLines };
  return kind === 'process' ? { process: word } : { bot: word };
}

function addressOf({ channelId, message }: ButtonInteraction | StringSelectMenuInteraction): Address {
  return { channelId, messageId: message.id };
}

interface RawPart {
  readonly options?: readonly { value: string; description?: string; default?: boolean }[];
}

function optionsIn({ message }: ButtonInteraction | StringSelectMenuInteraction) {
  const rows = message.components.map((row) => row.toJSON() as { components?: readonly RawPart[] });
  return rows.flatMap(({ components = [] }) => components.flatMap(({ options = [] }) => options));
}

/** What is chosen in a message stands in its menu. */
function chosenIn(click: ButtonInteraction | StringSelectMenuInteraction): string | undefined {
  return optionsIn(click).find((option) => option.default)?.value;
}

function targetIn(click: ButtonInteraction, chosen: string | undefined) {
  const word = chosenIn(click) ?? chosen;
  const option = optionsIn(click).find(({ value }) => value === word);
  if (!option || word === undefined) return undefined;
  return { word, kind: option.description?.startsWith('bot ·') ? ('bot' as const) : ('process' as const) };
}
