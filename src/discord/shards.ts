// The connections of one client, which end when the client ends. Those of discord.js do not. One that sleeps before its
// next attempt connects again and again, identifies, and keeps the process alive; of one that is just being made,
// discord.js no longer hears the error, and an error that nobody hears ends the process.

import { SimpleShardingStrategy } from 'discord.js';

/** As WebSockets number their states. */
const connecting = 0;

/** As much of the inside of discord.js as makes a connection. */
interface Insides {
  readonly shards: ReadonlyMap<
    number,
    { internalConnect(): Promise<void>; readonly connection: WebSocket | null }
  >;
}

/** For `ws.buildStrategy` of a client, which may have ended while it still asks where to connect to. */
export function endableShards(isOver: () => boolean) {
  return (manager: ConstructorParameters<typeof SimpleShardingStrategy>[0]) =>
    new EndableShards(manager, isOver);
}

class EndableShards extends SimpleShardingStrategy {
  private readonly isOver: () => boolean;

  constructor(manager: ConstructorParameters<typeof SimpleShardingStrategy>[0], isOver: () => boolean) {
    super(manager);
    this.isOver = isOver;
  }

  override async connect(): Promise<void> {
    if (this.isOver()) throw new Error('this client has been ended');
    await super.connect();
  }

  /** Whatever of them wakes up afterwards finds nothing to do. */
  override async destroy(...given: Parameters<SimpleShardingStrategy['destroy']>): Promise<void> {
    const { shards } = this as unknown as Insides;
    for (const shard of shards.values()) {
      shard.internalConnect = async () => {};
      const { connection } = shard;
      if (connection?.readyState !== connecting) continue;
      connection.addEventListener('error', () => {});
      connection.close();
    }
    await super.destroy(...given);
  }
}
