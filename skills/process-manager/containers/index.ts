// The door to Docker engines and swarms. What speaks to them is loaded with the first bot that needs it.

import type { Migration } from '../../tool.ts';
import type { EngineName, EngineRunner, EngineSurroundings } from '../processes/index.ts';
import { instanceMigrations } from './names.ts';
import { relayMigrations } from './output/relay-state.ts';
import type { EngineHost } from './surroundings.ts';

export type { EngineEvents } from './surroundings.ts';

export const containerMigrations: readonly Migration[] = [...relayMigrations, ...instanceMigrations];

/** Makes the runner of an engine. */
export async function makeEngine(
  name: EngineName,
  surroundings: EngineSurroundings,
  host: EngineHost,
): Promise<EngineRunner> {
  const { createEngineRunner } = await import('./runners.ts');
  return createEngineRunner(name, surroundings, host);
}
