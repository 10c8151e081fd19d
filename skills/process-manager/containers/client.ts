// The connection to a Docker engine, and what its refusals mean. Loaded on first use: most instances have no engine.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { Failure } from '../../tool.ts';

/** No answer to a question within this time is none. A command does not end before its questions have. */
const questionMs = 4_500;
/** The same for what changes something, which a busy machine may be slow with. */
const actionMs = 25_000;

/** An engine, or a manager of a swarm. */
export interface Client {
  /** For questions that are answered at once. */
  readonly docker: Docker;
  /** For what changes something. */
  readonly acting: Docker;
  /** For what takes as long as it takes: builds, and logs that are followed. */
  readonly patient: Docker;
  /** Where it is, for people. */
  readonly address: string;
}

/** Connects to the engine of the settings, of the environment, or of this machine. */
export async function connect(host: string | undefined, environment: NodeJS.ProcessEnv): Promise<Client> {
  // Loaded here: where all code is one bundle, every command would load it.
  const { default: Engine } = await import('dockerode');
  const given = host ?? (environment.DOCKER_HOST || undefined);
  try {
    const options = given === undefined ? {} : optionsOf(given, environment);
    return {
      docker: new Engine({ ...options, timeout: questionMs }),
      acting: new Engine({ ...options, timeout: actionMs }),
      patient: new Engine(options),
      address: withoutPassword(given ?? 'unix:///var/run/docker.sock'),
    };
  } catch (error) {
    throw new Failure(
      'engine_settings',
      `The connection to the Docker engine is not set up: ${error instanceof Error ? error.message : error}`,
      'Correct "docker": {"host": …} in config.json, or DOCKER_HOST and DOCKER_CERT_PATH.',
      { cause: error },
    );
  }
}

/**
 * Everything is said, also what is not to be used: for what is left out, the library looks at DOCKER_HOST by itself, and an
 * engine of the settings must not become another one because of a variable.
 */
function optionsOf(given: string, environment: NodeJS.ProcessEnv): Docker.DockerOptions {
  const plain = { ca: undefined, cert: undefined, key: undefined } as unknown as Docker.DockerOptions;
  if (given.startsWith('unix://')) {
    const socketPath = given.slice('unix://'.length) || '/var/run/docker.sock';
    return { ...plain, protocol: 'http', host: undefined as unknown as string, socketPath };
  }
  const url = new URL(given.includes('://') ? given : `tcp://${given}`);
  // A URL does not say whether somebody wrote the port that is its protocol's own.
  const port = /:(\d+)\/?$/.exec(given)?.[1];
  const isSecure =
    url.protocol === 'https:' ||
    (url.protocol === 'tcp:' && (port === '2376' || Boolean(environment.DOCKER_TLS_VERIFY)));
  const isTunnel = url.protocol === 'ssh:';
  const defaultPort = isTunnel ? 22 : isSecure ? 2376 : 2375;
  return {
    ...(isSecure ? certificates(environment) : plain),
    protocol: isTunnel ? 'ssh' : isSecure ? 'https' : 'http',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: port === undefined ? defaultPort : Number(port),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(isTunnel ? { sshOptions: { agent: environment.SSH_AUTH_SOCK } as never } : {}),
  };
}

/** As the docker command finds them: in $DOCKER_CERT_PATH, or beside its own settings. */
function certificates(environment: NodeJS.ProcessEnv): Docker.DockerOptions {
  const folder = environment.DOCKER_CERT_PATH || join(homedir(), '.docker');
  const read = (name: string) => {
    const path = join(folder, name);
    // Where somebody says where they are, one that is missing is a mistake; elsewhere there may be none.
    return environment.DOCKER_CERT_PATH || existsSync(path) ? readFileSync(path) : undefined;
  };
  return {
    ca: read('ca.pem'),
    cert: read('cert.pem'),
    key: read('key.pem'),
  } as unknown as Docker.DockerOptions;
}

function withoutPassword(address: string): string {
  return address.replace(/\/\/([^/@:]*):[^/@]*@/, '//$1@');
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

/** True of what the engine or the way to it did; a full disk of ours, or a mistake of ours, is neither. */
export function isOfEngine(error: unknown): boolean {
  const {
    statusCode,
    code,
    syscall = '',
  } = error as { statusCode?: number; code?: string; syscall?: string };
  if (statusCode !== undefined || syscall === 'connect' || syscall === 'getaddrinfo') return true;
  return ['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT'].includes(code ?? '');
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
  if (statusCode === undefined && code === 'EACCES') {
    return new Failure(
      'engine_unreachable',
      `${what}: this user may not use the Docker engine at ${address}.`,
      'Let them: sudo usermod -aG docker $USER, then log in anew. Whoever may use an engine is as mighty as root on it.',
      { cause: error },
    );
  }
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
