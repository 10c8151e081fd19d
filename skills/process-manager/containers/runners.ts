// Puts the runner of an engine together.

import type { EngineName, EngineRunner, EngineSurroundings } from '../processes/index.ts';
import { asFailure, type Client, connect, isOfEngine } from './client.ts';
import { createDockerRunner } from './docker/runner.ts';
import { instanceOf } from './names.ts';
import { createFollowing, type EngineHost, type Surroundings } from './surroundings.ts';
import { createSwarmRunner } from './swarm/runner.ts';

/** The runner of an engine, connected as the settings say. */
export async function createEngineRunner(
  name: EngineName,
  surroundings: EngineSurroundings,
  host: EngineHost,
): Promise<EngineRunner> {
  const settings = host.settings();
  const all: Surroundings = {
    ...surroundings,
    ...host,
    ...createFollowing(),
    client: await connect(settings.host, process.env),
    instance: instanceOf(surroundings.database, settings.instance),
  };
  const runner = name === 'docker' ? createDockerRunner(all) : createSwarmRunner(all);
  return inWords(runner, all.client);
}

/** Whatever an engine refuses, or the network between, is said in words with a next step. */
function inWords(runner: EngineRunner, client: Client): EngineRunner {
  const guard =
    <Given extends unknown[], T>(what: string, work: (...given: Given) => T | Promise<T>) =>
    async (...given: Given): Promise<T> => {
      try {
        return await work(...given);
      } catch (error) {
        throw isOfEngine(error) ? asFailure(error, client, what) : error;
      }
    };
  return {
    ...runner,
    spawn: guard('A bot cannot be started', runner.spawn),
    prepare: guard('The start of a bot cannot be prepared', runner.prepare),
    kill: guard('A bot cannot be ended', runner.kill),
    pause: guard('A bot cannot be paused', runner.pause),
    resume: guard('A bot cannot be resumed', runner.resume),
    send: guard('Nothing can be sent to a bot', runner.send),
    inspect: guard('The bots there cannot be looked at', runner.inspect),
    usage: guard('The bots there cannot be measured', runner.usage),
    retire: guard('A bot cannot be given up', runner.retire),
  };
}
