export { type Bots, createBots } from './bots.ts';
export {
  type CarryOut,
  type CommandFile,
  commandFileMigrations,
  createCommandFile,
  offerCommandFile,
} from './command-file.ts';
export type { Keeper } from './keeper.ts';
export { stagingName } from './plan.ts';
export { botStates } from './states.ts';
export type { BotStatus } from './status.ts';
export { botMigrations } from './store.ts';
