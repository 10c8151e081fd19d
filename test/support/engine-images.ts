// Base images without a registry: what the real ones are made of is taken from this machine. They bear the names that
// Dockerfiles begin with, so those can be built and run here as they stand. Their shell and tools are busybox, so there
// is no package manager of a system and no useradd in them.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import tar from 'tar-fs';
import { nodeTree, pythonTree, shellTree } from './engine-image-trees.ts';
import { makeEngineFolder, removeEngineFolder } from './engine-leftovers.ts';

/** `shell`: understudy-test/shell; `node`: node:20-slim, 22 and 24; `python`: python:3-slim. */
export type BaseImage = 'shell' | 'node' | 'python';

interface Making {
  readonly names: readonly [string, ...string[]];
  readonly fill: (root: string) => void;
  readonly changes: readonly string[];
}

const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const makings: Readonly<Record<BaseImage, Making>> = {
  shell: {
    names: ['understudy-test/shell:latest'],
    fill: () => {},
    changes: [path, 'CMD ["sh"]'],
  },
  node: {
    names: ['node:20-slim', 'node:22-slim', 'node:24-slim'],
    fill: nodeTree,
    changes: [
      path,
      `ENV NODE_VERSION=${process.versions.node}`,
      'ENTRYPOINT ["docker-entrypoint.sh"]',
      'CMD ["node"]',
    ],
  },
  python: {
    names: ['python:3-slim'],
    fill: pythonTree,
    changes: [path, 'ENV LANG=C.UTF-8', 'CMD ["python3"]'],
  },
};

/** An engine, as far as images go. */
interface HasDocker {
  readonly docker: Docker;
}

/** Makes base images and gives them to engines; the same image, with the same ID, to each. */
export async function loadBaseImages(
  engines: HasDocker | readonly HasDocker[],
  images: readonly BaseImage[] = ['shell', 'node', 'python'],
): Promise<void> {
  const [first, ...others] = [engines].flat() as HasDocker[];
  if (first === undefined) return;
  for (const image of images) {
    const [name, ...otherNames] = makings[image].names;
    await importImage(first.docker, makings[image], name);
    await loadEverywhere(name, first, others);
    for (const { docker } of [first, ...others]) {
      for (const other of otherNames) await docker.getImage(name).tag(repositoryAndTag(other));
    }
  }
}

/** Copies an image of one engine to others, without a registry. */
export async function loadEverywhere(
  image: string,
  from: HasDocker,
  to: readonly HasDocker[],
): Promise<void> {
  for (const { docker } of to) {
    const saved = await from.docker.getImage(image).get();
    await finished(docker, await docker.loadImage(saved));
  }
}

async function importImage(docker: Docker, { fill, changes }: Making, name: string): Promise<void> {
  const folder = makeEngineFolder();
  try {
    const root = join(folder, 'root');
    mkdirSync(root);
    shellTree(root);
    fill(root);
    // The client would make JSON of a list of changes; the engine reads lines.
    const options = { ...repositoryAndTag(name), changes: changes.join('\n') };
    await finished(docker, await docker.importImage(tar.pack(root, { map: withOpenTmp }), options));
  } finally {
    removeEngineFolder(folder);
  }
}

/** Everybody may write there; files take the umask of the test otherwise, which is right for them. */
function withOpenTmp(header: tar.Headers): tar.Headers {
  return header.name === 'tmp' ? { ...header, mode: 0o1777 } : header;
}

function repositoryAndTag(name: string): { repo: string; tag: string } {
  const [repo = '', tag = 'latest'] = name.split(':');
  return { repo, tag };
}

/** Reads what an engine says of a build, a push or a pull until it has finished; it tells of failures only there. */
export async function finished(docker: Docker, said: NodeJS.ReadableStream): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(said, (error, lines) => {
      const failure = error ?? lines.find((line) => line.error !== undefined)?.error;
      if (failure) reject(new Error(`the engine gave up: ${failure}`));
      else resolve();
    });
  });
}
