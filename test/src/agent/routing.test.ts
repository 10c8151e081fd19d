import { describe, expect, it } from 'vitest';
import type { IncomingMessage } from '../../../src/agent/index.ts';
import { branchFor, isHeard } from '../../../src/agent/routing.ts';
import { begun, makeStores, outsider, owner } from './support.ts';

const message = (part: Partial<IncomingMessage> = {}): IncomingMessage => ({
  ...{ id: 'm1', channelId: 'c', text: 'hello', author: owner },
  ...{ isDirect: false, mentionsBot: false },
  ...part,
});
const configured = (channels: string[] | undefined, wakeChannelId?: string) =>
  ({
    config: { discord: { channels, adminRoles: [] }, environment: { wakeChannelId } },
  }) as unknown as Parameters<typeof isHeard>[0];

describe('who is heard', () => {
  const { branches } = makeStoresOnce();
  it.each([
    ['in a direct message', message({ isDirect: true }), undefined, true],
    ['who names the bot', message({ mentionsBot: true }), undefined, true],
    ['in a thread of the bot', message({ isInThreadOfBot: true }), undefined, true],
    ['in a channel of the bot', message(), ['c'], true],
    ['in another channel', message(), ['d'], false],
    ['without any rights', message({ isDirect: true, author: { ...owner, rights: [] } }), ['c'], false],
  ])('%s', (_, said, channels, heard) => {
    expect(isHeard(configured(channels), branches(), said)).toBe(heard);
  });

  it('the wake channel, unless others are named', () => {
    expect(isHeard(configured(undefined, 'c'), branches(), message())).toBe(true);
    expect(isHeard(configured(['d'], 'c'), branches(), message())).toBe(false);
  });

  it('who replies to the bot', () => {
    const stores = makeStores();
    const { id } = stores.branches.begin(begun);
    stores.branches.posted(id, ['p1']);
    expect(isHeard(configured([]), stores.branches, message({ repliesTo: 'p1' }))).toBe(true);
    expect(isHeard(configured([]), stores.branches, message({ repliesTo: 'p2' }))).toBe(false);
  });
});

describe('which branch it is', () => {
  it('the one that is replied to, also when it was completed long ago', () => {
    const { branches } = makeStores();
    const first = branches.begin(begun);
    branches.posted(first.id, ['p1']);
    branches.move(first.id, 'ended');
    branches.begin({ ...begun, key: 'other' });
    expect(branchFor(branches, message({ repliesTo: 'p1' })).id).toBe(first.id);
  });

  it('else the one that the person has open there, else a new one', () => {
    const { branches } = makeStores();
    const first = branchFor(branches, message());
    expect(branchFor(branches, message({ id: 'm2' })).id).toBe(first.id);
    expect(branchFor(branches, message({ id: 'm3', channelId: 'd' })).id).not.toBe(first.id);
    expect(branchFor(branches, message({ id: 'm4', author: outsider })).id).not.toBe(first.id);
    branches.move(first.id, 'aged');
    expect(branchFor(branches, message({ id: 'm5' })).id).not.toBe(first.id);
  });

  it('not that of somebody who may do more', () => {
    const { branches } = makeStores();
    const first = branches.begin(begun);
    branches.posted(first.id, ['p1']);
    const other = branchFor(branches, message({ author: outsider, repliesTo: 'p1' }));
    expect(other.id).not.toBe(first.id);
    expect(other.actor).toEqual(outsider);
    const admin = { ...owner, id: 'discord:2', name: 'bob' };
    expect(branchFor(branches, message({ author: admin, repliesTo: 'p1' })).id).toBe(first.id);
  });
});

/** Made when the first test needs it: before that there is no test that could clean up. */
function makeStoresOnce() {
  return { branches: () => makeStores().branches };
}
