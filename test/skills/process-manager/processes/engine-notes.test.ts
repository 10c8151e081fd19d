// What engines said of bots.

import { expect, it } from 'vitest';
import { createEngineNotes } from '../../../../skills/process-manager/processes/engine-notes.ts';
import { makeEngine } from '../../../support/manager.ts';

const notes = () => createEngineNotes(makeEngine().database);

it('knows nothing of a bot that no engine was given', () => expect(notes().find('bot')).toBeUndefined());

it('has what was said last', () => {
  const kept = notes();
  kept.note('bot', { isActive: true, isThere: true, text: 'waits for a node' });
  expect(kept.find('bot')).toEqual({
    isActive: true,
    isThere: true,
    text: 'waits for a node',
    rolledBackAt: null,
    rollback: null,
  });
  kept.note('bot', { isActive: false, isThere: true, text: null });
  expect(kept.find('bot')).toMatchObject({ isActive: false, isThere: true, text: null });
});

it('wakes nobody when nothing has changed', () => {
  const { database } = makeEngine();
  const kept = createEngineNotes(database);
  const changes = () => database.prepare('SELECT total_changes()').pluck().get();
  kept.note('bot', { isActive: true, isThere: true, text: null });
  const before = changes();
  kept.note('bot', { isActive: true, isThere: true, text: null });
  expect(changes()).toBe(before);
  kept.note('bot', { isActive: true, isThere: true, text: 'x' });
  expect(changes()).not.toBe(before);
});

it('lets one only note a rollback, forgets it with the next change, and does not take an old one for new', () => {
  const kept = notes();
  expect(kept.noteRollback('bot', '2026-01-02T03:04:05.5Z', 'it ended with code 1')).toBe(true);
  expect(kept.noteRollback('bot', '2026-01-02T03:04:05.5Z', 'it ended with code 1')).toBe(false);
  kept.note('bot', { isActive: true, isThere: true, text: null });
  expect(kept.find('bot')).toMatchObject({ isActive: true, rollback: 'it ended with code 1' });
  kept.forgetRollback('bot');
  expect(kept.find('bot')?.rollback).toBeNull();
  expect(kept.noteRollback('bot', '2026-01-02T03:04:05.5Z', 'again')).toBe(false);
  expect(kept.noteRollback('bot', '2026-01-02T03:04:06Z', 'another')).toBe(true);
});
