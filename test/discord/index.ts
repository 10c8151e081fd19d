// A small Discord of our own: REST v10 and the gateway on one port of this machine, with people who use it. Tests and
// the demonstration point a bot at it with DISCORD_API. Whatever real Discord would refuse is refused here too, and
// named in `problems`.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { loadCheck } from './check.ts';
import { createFaults, type Faults } from './faults.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { createPerson, type Person } from './people.ts';
import { createRestServer, type RecordedRequest } from './rest.ts';
import { createRoutes } from './routes.ts';
import { type Channel, createWorld, isEphemeral, latest, type Message, type World } from './world.ts';

export type { Deed, Person } from './people.ts';
export type { Json, Message } from './world.ts';

/** A running small Discord. */
export interface SmallDiscord {
  /** For DISCORD_API. */
  readonly url: string;
  /** The only token that it knows. */
  readonly token: string;
  readonly world: World;
  readonly gateway: Gateway;
  readonly faults: Faults;
  /** Every request, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** What real Discord would have refused: a bad body with the reason, an unknown route, too many requests. */
  readonly problems: string[];
  /** The channel where people are unless they say otherwise. */
  readonly home: Channel;
  person(name: string, roleIds?: readonly string[]): Person;
  /** Messages of a channel that everybody sees, in order. */
  messagesIn(channel: Channel): Message[];
  /** The moments at which a message was changed. */
  editsOf(message: Message): number[];
  /** The text of a message now. */
  textOf(message: Message): string;
  /** All interactions so far lose their tokens, as 15 minutes after them. */
  expireTokens(): void;
  close(): Promise<void>;
}

/** What may be different. */
export interface SmallDiscordOptions {
  readonly token?: string;
  readonly port?: number;
  readonly heartbeatMs?: number;
  /** How long the application has to answer an interaction: three seconds at Discord. */
  readonly answerWithinMs?: number;
  readonly now?: () => number;
}

/** Starts one. */
export async function startSmallDiscord(options: SmallDiscordOptions = {}): Promise<SmallDiscord> {
  const world = createWorld(
    options.now ?? Date.now,
    options.token ?? 'MTIzNDU2Nzg5MDEyMzQ1Njc4.Gsmall.discord-of-our-own',
  );
  const requests: RecordedRequest[] = [];
  const problems: string[] = [];
  const faults = createFaults();
  let port = 0;
  const gatewayUrl = () => `ws://127.0.0.1:${port}/gateway`;
  const routes = createRoutes({
    world,
    gatewayUrl,
    answerWithinMs: options.answerWithinMs ?? 3_000,
    sessionStartLimit: () => ({ total: 1_000, remaining: 999, reset_after: 86_400_000, max_concurrency: 1 }),
    emit: (event, data) => gateway.emit(event, data),
  });
  const server = createRestServer({
    world,
    routes,
    faults,
    requests,
    check: await loadCheck(),
    onProblem: (problem) => void problems.push(problem),
  });
  const gateway = createGateway(server, world, options.heartbeatMs ?? 41_250, gatewayUrl);
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  world.filesAt = `http://127.0.0.1:${port}`;
  const home = world.addChannel('workshop');

  return {
    url: `http://127.0.0.1:${port}/api`,
    token: world.token,
    world,
    gateway,
    faults,
    requests,
    problems,
    home,
    person: (name, roleIds = []) => createPerson(world, gateway, world.addAccount(name, roleIds), home.id),
    messagesIn: ({ id }) =>
      [...world.messages.values()].filter(
        (message) => message.channelId === id && !message.deleted && !isEphemeral(message),
      ),
    editsOf: (message) => message.states.slice(1).map(({ at }) => at),
    textOf: (message) => latest(message).content,
    expireTokens: () => {
      for (const record of world.interactions.values()) record.expired = true;
    },
    close: async () => {
      gateway.shut();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
