// The connection to a Docker engine, and what its refusals mean. Loaded on first use: most instances have no engine.

import Docker from 'dockerode';
import { Failure } from '../../tool.ts';

/** No answer within this time is none; builds and followed logs, which take long, ask without it. */
const requestMs = 10_000;

/** An engine, or a manager of a swarm. */
export interface Client {
  /** For questions that are answered at once. */
  readonly docker: Docker;
  /** For what takes as long as it takes. */
  readonly patient: Docker;
  /** Where it is, for people. */
  readonly address: string;
}

/** Connects to the engine of the settings, of the environment, or of this machine. */
export function connect(host: string | undefined, environment: NodeJS.ProcessEnv): Client {
  const address = host ?? environment.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const options = host?.startsWith('unix://')
    ? { socketPath: host.slice('unix://'.length) }
    : optionsOf(host);
  return {
    docker: new Docker({ ...options, timeout: requestMs }),
    patient: new Docker(options),
    address,
  };
}

/** Without a host the library looks at DOCKER_HOST and its sisters by itself. */
function optionsOf(host: string | undefined): Docker.DockerOptions {
  if (host === undefined) return {};
  const url = new URL(host);
  const protocol = url.protocol === 'tcp:' ? 'http' : (url.protocol.slice(0, -1) as 'http' | 'https' | 'ssh');
  const defaultPort = protocol === 'ssh' ? 22 : protocol === 'https' ? 2376 : 2375;
  // A URL does not say whether somebody wrote the port that is its protocol's own.
  const port = /:(\d+)\/?$/.exec(host)?.[1];
  return {
    protocol,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: port === undefined ? defaultPort : Number(port),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
  };
}

/** True where the engine says that there is no such thing. */
export function isMissing(error: unknown): boolean {
  return (error as { statusCode?: number }).statusCode === 404;
}

/** True where somebody else was faster: a name that is taken, a version that is out of date. */
export function isConflict(error: unknown): boolean {
  const { statusCode, message = '' } = error as { statusCode?: number; message?: string };
  return statusCode === 409 || /update out of sequence/.test(message);
}

/** What an engine refused, in words with a next step. */
export function asFailure(error: unknown, { address }: Client, what: string): Failure {
  if (error instanceof Failure) return error;
  const {
    code,
    statusCode,
    message = String(error),
  } = error as {
    code?: string;
    statusCode?: number;
    message?: string;
  };
  const said = reasonOf(message);
  if (statusCode === undefined && code !== undefined) {
    return new Failure(
      'engine_unreachable',
      `${what}: the Docker engine at ${address} does not answer (${code}).`,
      'Start it, or say where it is: "docker": {"host": "unix:///var/run/docker.sock"} in config.json, or DOCKER_HOST.',
      { cause: error },
    );
  }
  if (/not a swarm manager/.test(message)) {
    return new Failure(
      'not_a_manager',
      `${what}: the engine at ${address} is no manager of a swarm.`,
      'Begin a swarm on it (docker swarm init), or name a manager in config.json: "docker": {"host": "tcp://MANAGER:2376"}.',
      { cause: error },
    );
  }
  return new Failure(
    'engine_refused',
    `${what}: ${said}`,
    'That is what the Docker engine says; see also: understudy doctor',
    { cause: error },
  );
}

/** The engine's own words, without what its library puts around them. */
export function reasonOf(message: string): string {
  return message
    .replace(/^\(HTTP code \d+\)\s*(unexpected|[\w ]+?)\s*-\s*/, '')
    .replace(/^rpc error: code = \w+ desc = /, '')
    .trim();
}
