export { createHooks, type Hooks } from './hooks.ts';
export { type Message, outboxMigrations } from './outbox.ts';
export { actions, exitFilters, hookMigrations, type Trigger } from './store.ts';
