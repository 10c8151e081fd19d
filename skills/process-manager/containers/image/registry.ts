// Registries: who we are to them, what is pushed there, and how long work of the engine is followed.

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../../tool.ts';
import { asFailure, type Client, reasonOf } from '../client.ts';

const pushAttempts = 3;
const temporary = /deadline exceeded|timeout|connection (refused|reset)|EOF|temporar|unavailable/i;
/** Lines that stand before an error in what is told of it. */
const linesOfFailure = 15;

/** Who we are to a registry. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

/** Pushes an image to where all nodes can pull it. A registry that is slow to answer is asked again. */
export async function push(
  client: Client,
  bot: string,
  name: string,
  tell: (text: string) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    tell(`pushing ${name}`);
    try {
      return await pushOnce(client, bot, name);
    } catch (error) {
      const isTemporary = error instanceof Failure && temporary.test(error.message);
      if (!isTemporary || attempt === pushAttempts) throw error;
    }
  }
}

async function pushOnce(client: Client, bot: string, name: string): Promise<void> {
  // The engine wants to be told who asks, even where that is nobody.
  const authconfig: object = credentialsFor(name) ?? {};
  const stream = await client.patient
    .getImage(name)
    .push({ authconfig })
    .catch((error) => {
      throw asFailure(error, client, `The image of '${bot}' cannot be pushed`);
    });
  await follow(
    client,
    stream,
    () => {},
    ([said = '']) =>
      new Failure(
        'image_not_pushed',
        `The image of '${bot}' could not be pushed to its registry: ${said}`,
        'See that the registry of "docker": {"registry": …} is reachable, and log in to it: docker login',
      ),
  );
}

/** Waits for work whose progress the engine streams; an error in it comes with the lines before it. */
export function follow(
  client: Client,
  stream: NodeJS.ReadableStream,
  tell: (text: string) => void,
  fail: (said: string[]) => Failure,
): Promise<void> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    client.patient.modem.followProgress(
      stream,
      (error, events: readonly { error?: string }[] | null) => {
        const said = error ? reasonOf(error.message) : events?.find((event) => event.error)?.error;
        if (said === undefined) resolve();
        else reject(fail([said, ...lines.slice(-linesOfFailure)]));
      },
      (event: { stream?: string }) => {
        for (const line of (event.stream ?? '').split('\n').filter((each) => each.trim() !== '')) {
          lines.push(line);
          if (lines.length > linesOfFailure) lines.shift();
          if (line.startsWith('Step ')) tell(line);
        }
      },
    );
  });
}

/** What `docker login` left for the registry of an image. */
export function credentialsFor(image: string): Credentials | undefined {
  const [host = ''] = image.split('/');
  const isHost = image.includes('/') && /[.:]|^localhost$/.test(host);
  const server = isHost ? host : 'https://index.docker.io/v1/';
  try {
    const folder = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker');
    const { auths = {} } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    const auth = Buffer.from(auths[server]?.auth ?? '', 'base64').toString('utf8');
    const colon = auth.indexOf(':');
    if (colon <= 0) return undefined;
    return { username: auth.slice(0, colon), password: auth.slice(colon + 1), serveraddress: server };
  } catch {
    // Nobody has logged in, or a helper keeps the password: a registry that needs it says so.
    return undefined;
  }
}
