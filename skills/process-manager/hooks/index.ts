export { actions, exitFilters, type Hook, hookMigrations, type Trigger } from './hook.ts';
export { createHooks, type Hooks } from './hooks.ts';
export { type Message, type MessageAction, type NewMessage, outboxMigrations } from './outbox.ts';
