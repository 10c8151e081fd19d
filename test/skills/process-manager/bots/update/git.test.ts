// Running git: remotes that never answer, helpers that will not die, output without end, and what git is told.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  gitEnvironment,
  sshEnvironment,
} from '../../../../../skills/process-manager/bots/update/environment.ts';
import { createGit, type GitSettings } from '../../../../../skills/process-manager/bots/update/git.ts';
import { rejectionOf } from '../../../../support/failure.ts';
import { makeFolder } from '../../../../support/folder.ts';
import { until } from '../../../../support/instance.ts';
import { git, leftovers, makeScene, makeSilentServer, processesOf, write } from './support.ts';

const kept = { ...process.env };
afterEach(() => {
  process.env = { ...kept };
});

function settings(part: Partial<GitSettings> = {}): GitSettings {
  return {
    ...{
      name: 'echo',
      folder: makeFolder(),
      mark: `test-${Math.random()}`,
      silenceMs: 10_000,
      mostMs: 10_000,
    },
    ...{ signal: new AbortController().signal, say: () => {}, mask: (text) => text, step: () => {} },
    ...part,
  };
}

/** Puts a program in place of git; what it gets are the words after the standing options. */
function replaceGit(script: string): void {
  const folder = makeFolder();
  write(folder, { git: { script: `#!/bin/sh\n${script}\n` } });
  process.env.PATH = `${folder}:${kept.PATH}`;
}

describe('a remote that accepts and never answers', () => {
  it.each(['git', 'http'])('is given up when %s is silent, with all helpers of git', async (scheme) => {
    const scene = makeScene();
    const repoUrl = `${scheme}://127.0.0.1:${await makeSilentServer()}/x`;
    git(scene.bot, 'remote', 'set-url', 'origin', repoUrl);
    const from = scene.head();
    const failure = await rejectionOf(scene.update({ repoUrl, silenceMs: 300 }));
    expect(failure.code).toBe('git_timeout');
    expect(failure.message).toContain('git ls-remote');
    expect([scene.head(), leftovers(scene)]).toEqual([from, []]);
  });

  it('is given up in a bootstrap too, which leaves nothing behind', async () => {
    const scene = makeScene({}, false);
    const repoUrl = `git://127.0.0.1:${await makeSilentServer()}/x`;
    const failure = await rejectionOf(scene.update({ repoUrl, silenceMs: 300 }));
    expect([failure.code, leftovers(scene)]).toEqual(['git_timeout', []]);
  });

  it('is given up at once when nobody wants the bot any more', async () => {
    const scene = makeScene();
    const repoUrl = `http://127.0.0.1:${await makeSilentServer()}/x`;
    git(scene.bot, 'remote', 'set-url', 'origin', repoUrl);
    const controller = new AbortController();
    const update = rejectionOf(scene.update({ repoUrl, signal: controller.signal }));
    await until('git and its helper run', () => processesOf(scene).length >= 2);
    controller.abort();
    expect((await update).code).toBe('update_cancelled');
    expect(leftovers(scene)).toEqual([]);
    expect((await rejectionOf(scene.update({ signal: controller.signal }))).code).toBe('update_cancelled');
  });

  it('is given up although a helper ignores SIGTERM', async () => {
    const scene = makeScene();
    const repoUrl = 'ssh://nobody@127.0.0.1/x';
    git(scene.bot, 'remote', 'set-url', 'origin', repoUrl);
    process.env.GIT_SSH_COMMAND = `sh -c 'trap "" TERM; while :; do sleep 60 & wait; done'`;
    const failure = await rejectionOf(scene.update({ repoUrl, silenceMs: 200 }));
    expect([failure.code, leftovers(scene)]).toEqual(['git_timeout', []]);
  });
});

describe('git', () => {
  it('is ended when it takes too long, however much it says', async () => {
    replaceGit('while :; do echo busy >&2; sleep 0.02; done');
    const failure = await rejectionOf(createGit(settings({ mostMs: 300, silenceMs: 10_000 }))(['fetch']));
    expect([failure.code, failure.message]).toEqual([
      'git_timeout',
      expect.stringContaining('took over 0.3 s'),
    ]);
  });

  it('is not ended for its silence while it says something now and then', async () => {
    replaceGit('for i in 1 2 3 4 5 6; do echo "Counting objects: $i% (1/2)" >&2; sleep 0.1; done; echo done');
    const said: string[] = [];
    const run = createGit(settings({ silenceMs: 400, say: (message) => said.push(message) }));
    expect((await run(['fetch'])).stdout.toString()).toBe('done\n');
    expect(said).toEqual([1, 2, 3, 4, 5, 6].map((percent) => `Counting objects: ${percent} %`));
  });

  it('is ended when it prints without end', async () => {
    replaceGit('yes');
    const failure = await rejectionOf(createGit(settings())(['status']));
    expect(failure.code).toBe('git_output_too_long');
  });

  it('keeps the end of endless messages only, and prints of them what counts', async () => {
    replaceGit(
      'head -c 3000000 /dev/zero | tr "\\0" x >&2; printf "\\nfatal: \\033[31mno\\007 luck\\nhint: not this\\n" >&2; exit 3',
    );
    const failure = await rejectionOf(createGit(settings())(['fetch']));
    expect(failure.message).toBe("git fetch for 'echo' failed: fatal: [31mno luck");
  });

  it('may be killed from outside', async () => {
    replaceGit('kill -9 $$');
    expect((await rejectionOf(createGit(settings())(['fetch']))).code).toBe('git_killed');
  });

  it('is not waited for by somebody who holds its pipe when it has ended', async () => {
    replaceGit('echo answer; sleep 60 & exit 0');
    const config = settings();
    const output = await createGit(config)(['fetch']);
    expect(output.stdout.toString()).toBe('answer\n');
    const { endGit } = await import('../../../../../skills/process-manager/bots/update/ending.ts');
    expect(await endGit(config.mark)).toBe(true);
  });

  it('may be missing', async () => {
    const scene = makeScene();
    process.env.PATH = makeFolder();
    const failure = await rejectionOf(scene.update());
    expect([failure.code, failure.hint]).toEqual(['git_missing', expect.stringContaining('Install git')]);
  });

  it('reads its input to the end', async () => {
    replaceGit('wc -c');
    const { stdout } = await createGit(settings())(['checkout-index'], { input: 'x'.repeat(500_000) });
    expect(stdout.toString().trim()).toBe('500000');
  });

  it('is told never to ask, and never of another repository', async () => {
    const scene = makeScene();
    const seen = join(scene.root, 'seen');
    replaceGit(`env -0 > ${seen}; exit 1`);
    Object.assign(process.env, {
      ...{
        GIT_DIR: '/nowhere',
        GIT_WORK_TREE: '/nowhere',
        GIT_INDEX_FILE: '/nowhere',
        GIT_CONFIG_COUNT: '1',
      },
      ...{
        GIT_ASKPASS: '/bin/asks',
        SSH_ASKPASS: '/bin/asks',
        DISCORD_TOKEN: 'x',
        HTTPS_PROXY: 'http://proxy',
      },
    });
    await createGit(settings({ mark: 'the mark' }))(['fetch'], { accept: [1] });
    const { readFileSync } = await import('node:fs');
    const environment = Object.fromEntries(
      readFileSync(seen, 'utf8')
        .split('\0')
        .filter(Boolean)
        .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
    expect(environment).toMatchObject({
      ...{
        GIT_TERMINAL_PROMPT: '0',
        GIT_ASKPASS: '',
        SSH_ASKPASS: '',
        LC_ALL: 'C',
        HTTPS_PROXY: 'http://proxy',
      },
      ...{ GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh', UNDERSTUDY_UPDATE: 'the mark' },
    });
    for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_CONFIG_COUNT', 'DISCORD_TOKEN']) {
      expect(environment).not.toHaveProperty(name);
    }
  });

  it('runs ssh without questions, unless somebody has chosen how', () => {
    expect(sshEnvironment({}, undefined)).toEqual({ GIT_SSH_COMMAND: 'ssh -o BatchMode=yes' });
    expect(sshEnvironment({}, 'ssh -i key')).toEqual({});
    expect(sshEnvironment({ GIT_SSH_COMMAND: 'mine' }, undefined)).toEqual({});
    expect(gitEnvironment({ GIT_SSH_COMMAND: 'mine' }, '')).toMatchObject({ GIT_SSH_COMMAND: 'mine' });
  });

  it('uses no program that a repository’s address names', async () => {
    const scene = makeScene();
    const proof = join(scene.root, 'proof');
    // Even when it stands in the repository's own configuration, behind the checks of ours.
    git(scene.bot, 'remote', 'set-url', 'origin', scene.remote);
    git(scene.bot, 'config', `url.ext::touch ${proof}.insteadOf`, scene.remote);
    const failure = await rejectionOf(scene.update());
    expect(failure.message).toContain("transport 'ext' not allowed");
    writeFileSync(`${proof}.checked`, '');
    const { existsSync } = await import('node:fs');
    expect(existsSync(proof)).toBe(false);
  });
});
