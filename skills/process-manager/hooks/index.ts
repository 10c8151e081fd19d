export { actions, exitFilters, hookMigrations, type Trigger } from './hook.ts';
export { createHooks, type Hooks } from './hooks.ts';
export { type Message, outboxMigrations } from './outbox.ts';
