// The gateway half of the small Discord: hello, heartbeats, identify, resume with replay, and every way in which a
// connection to Discord ends.

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Json, World } from './world.ts';

/** One dispatch that a client may have missed. */
interface Dispatch {
  readonly s: number;
  readonly t: string;
  readonly d: Json;
}

interface Session {
  readonly id: string;
  readonly intents: number;
  readonly sent: Dispatch[];
  sequence: number;
  socket: WebSocket | undefined;
}

/** Told of what clients do, in order. */
type GatewayEvent = 'connect' | 'identify' | 'resume' | 'resumed' | 'ready' | 'heartbeat' | 'close';

/** What a test can do to connections. */
export interface Gateway {
  readonly events: GatewayEvent[];
  /** Sends an event to every session, also to those that are away: they get it when they resume. */
  emit(event: string, data: Json): void;
  /** True while a client is connected and has been told READY or RESUMED. */
  readonly isConnected: boolean;
  /** Asks for a new connection (op 7). */
  askToReconnect(): void;
  /** Ends the session (op 9); resumable or not. */
  invalidate(isResumable: boolean): void;
  /** Ends the connection with a code, such as 4004. */
  close(code: number): void;
  /** Cuts the wire: no close frame. */
  cut(): void;
  /** From now on nothing is acknowledged: a zombie. */
  stopAcks(): void;
  ack(): void;
  /** New connections are refused until they are let in again. */
  refuseConnections(isRefusing: boolean): void;
  /** Intents that this application was not granted: whoever asks for them gets 4014. */
  disallow(intents: number): void;
  /** How many connections were refused so far. */
  readonly refusals: number;
  heartbeatMs: number;
  shut(): void;
}

const longestReplay = 1_000;
const messageIntents = { guild: 1 << 9, direct: 1 << 12, content: 1 << 15 };

/** The gateway at `/gateway` of this server. */
export function createGateway(server: Server, world: World, heartbeatMs: number, url: () => string): Gateway {
  const sockets = new WebSocketServer({ noServer: true });
  const sessions = new Map<string, Session>();
  const events: GatewayEvent[] = [];
  let acknowledges = true;
  let refuses = false;
  let refusals = 0;
  let disallowed = 0;

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (refuses) {
      refusals++;
      // Whoever was refused may have hung up already.
      socket.on('error', () => socket.destroy());
      socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (connection) => {
      events.push('connect');
      connection.on('close', () => {
        events.push('close');
        for (const session of sessions.values()) {
          if (session.socket === connection) session.socket = undefined;
        }
      });
      connection.on('error', () => connection.terminate());
      connection.on('message', (data) => hear(connection, JSON.parse(String(data))));
      tell(connection, { op: 10, d: { heartbeat_interval: gateway.heartbeatMs } });
    });
  });

  function hear(connection: WebSocket, { op, d }: { op: number; d: Json }): void {
    if (op === 1) {
      events.push('heartbeat');
      if (acknowledges) tell(connection, { op: 11 });
    }
    if (op === 2) identify(connection, d);
    if (op === 6) resume(connection, d);
  }

  function identify(connection: WebSocket, { token, intents }: Json): void {
    events.push('identify');
    const refusal = token !== world.token ? 4_004 : (Number(intents) & disallowed) !== 0 ? 4_014 : undefined;
    if (refusal !== undefined) {
      connection.close(refusal);
      return;
    }
    const session: Session = {
      id: world.newId(),
      intents: Number(intents),
      sent: [],
      sequence: 0,
      socket: connection,
    };
    sessions.set(session.id, session);
    dispatch(session, 'READY', {
      v: 10,
      user: world.userJson(world.bot),
      guilds: [{ id: world.guild.id, unavailable: true }],
      session_id: session.id,
      resume_gateway_url: url(),
      shard: [0, 1],
      application: { id: world.applicationId, flags: 0 },
    });
    dispatch(session, 'GUILD_CREATE', world.guildJson());
    events.push('ready');
  }

  function resume(connection: WebSocket, { token, session_id: id, seq }: Json): void {
    events.push('resume');
    if (token !== world.token) {
      connection.close(4_004);
      return;
    }
    const session = sessions.get(String(id));
    if (!session) {
      tell(connection, { op: 9, d: false });
      return;
    }
    session.socket = connection;
    for (const missed of session.sent) if (missed.s > Number(seq)) tell(connection, { op: 0, ...missed });
    dispatch(session, 'RESUMED', {});
    events.push('resumed');
  }

  function dispatch(session: Session, t: string, d: Json): void {
    const missed = { s: ++session.sequence, t, d };
    session.sent.push(missed);
    if (session.sent.length > longestReplay) session.sent.shift();
    if (session.socket) tell(session.socket, { op: 0, ...missed });
  }

  const connected = () => [...sessions.values()].flatMap(({ socket }) => socket ?? []);
  const gateway: Gateway = {
    events,
    heartbeatMs,
    get refusals() {
      return refusals;
    },
    get isConnected() {
      return connected().some(({ readyState }) => readyState === 1);
    },
    emit(event, data) {
      for (const session of sessions.values()) {
        const seen = event === 'MESSAGE_CREATE' ? asSeenBy(world, session.intents, data) : data;
        if (seen) dispatch(session, event, seen);
      }
    },
    askToReconnect: () => {
      for (const socket of connected()) tell(socket, { op: 7, d: null });
    },
    invalidate(isResumable) {
      const away = connected();
      if (!isResumable) sessions.clear();
      for (const socket of away) tell(socket, { op: 9, d: isResumable });
    },
    close: (code) => {
      for (const socket of connected()) socket.close(code);
    },
    cut: () => {
      for (const socket of connected()) socket.terminate();
    },
    stopAcks: () => {
      acknowledges = false;
    },
    ack: () => {
      acknowledges = true;
    },
    refuseConnections: (isRefusing) => {
      refuses = isRefusing;
    },
    disallow: (intents) => {
      disallowed = intents;
    },
    shut() {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
    },
  };
  return gateway;
}

/** A message as these intents let one see it, or nothing. */
function asSeenBy(world: World, intents: number, message: Json): Json | undefined {
  const isDirect = message.guild_id === undefined;
  if ((intents & (isDirect ? messageIntents.direct : messageIntents.guild)) === 0) return undefined;
  const author = (message.author as Json | undefined)?.id;
  const mentions = (message.mentions ?? []) as Json[];
  const readable =
    isDirect ||
    author === world.bot.id ||
    mentions.some(({ id }) => id === world.bot.id) ||
    (intents & messageIntents.content) !== 0;
  return readable ? message : { ...message, content: '', embeds: [], attachments: [], components: [] };
}

function tell(socket: WebSocket, payload: Json): void {
  if (socket.readyState === 1) socket.send(JSON.stringify(payload));
}
