// Puts the runner of an engine together.

import type { EngineName, EngineRunner, EngineSurroundings } from '../processes/index.ts';
import { connect } from './client.ts';
import { createDockerRunner } from './docker.ts';
import { instanceOf } from './names.ts';
import { createFollowing, type EngineHost, type Surroundings } from './surroundings.ts';
import { createSwarmRunner } from './swarm.ts';

/** The runner of an engine, connected as the settings say. */
export function createEngineRunner(
  name: EngineName,
  surroundings: EngineSurroundings,
  host: EngineHost,
): EngineRunner {
  const settings = host.settings();
  const all: Surroundings = {
    ...surroundings,
    ...host,
    ...createFollowing(),
    client: connect(settings.host, process.env),
    instance: instanceOf(surroundings.database, settings.instance),
  };
  return name === 'docker' ? createDockerRunner(all) : createSwarmRunner(all);
}
