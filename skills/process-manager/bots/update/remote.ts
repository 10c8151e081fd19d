// The other side: whether `origin` is the repository that the configuration names, which branch and commit it has, and
// fetching them. Everything that the remote says is held against what it may be.

import { Failure } from '../../../tool.ts';
import { sshEnvironment } from './environment.ts';
import { pathsOf } from './git-output.ts';
import { checkBranch, isSameUrl, withoutCredentials } from './names.ts';
import type { Session, Wanted } from './options.ts';

/** What git's own configuration says about the remote. */
export interface RemoteConfig {
  readonly origin: string | undefined;
  /** What commands that use the network need in their environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The branch that is followed, and the commit that it has now. */
export interface Remote {
  readonly branch: string;
  readonly commit: string;
}

/** Reads the address of `origin`, and how ssh is run here. */
export async function readConfig({ git }: Session): Promise<RemoteConfig> {
  const words = ['config', '-z', '--get-regexp', '^(remote\\.origin\\.url|core\\.sshcommand)$'];
  const { stdout } = await git(words, { accept: [1] });
  const entries = pathsOf(stdout).map((entry) => {
    const end = entry.indexOf('\n');
    return [entry.slice(0, end), entry.slice(end + 1)] as const;
  });
  const ssh = entries.findLast(([key]) => key === 'core.sshcommand')?.[1];
  return {
    // Of several addresses git fetches from the first.
    origin: entries.find(([key]) => key === 'remote.origin.url')?.[1],
    environment: sshEnvironment(process.env, ssh),
  };
}

/** Makes sure that `origin` is what the configuration names; says what to do when it is something else. */
export async function claimOrigin(
  session: Session,
  config: RemoteConfig,
  { repoUrl }: Wanted,
): Promise<string | undefined> {
  const { origin } = config;
  const { folder, git, mask } = session;
  if (origin === undefined) {
    session.say('adding the remote origin');
    await git(['remote', 'add', '--', 'origin', repoUrl]);
    return undefined;
  }
  if (isSameUrl(origin, repoUrl, folder)) return undefined;
  const correct = `correct repo_url, or: git -C ${folder} remote set-url origin ${mask(repoUrl)}`;
  if (isSameUrl(withoutCredentials(origin), withoutCredentials(repoUrl), folder)) {
    return `origin has other credentials than repo_url, ${mask(repoUrl)}; ${correct}`;
  }
  return `origin is ${mask(origin)}, but repo_url is ${mask(repoUrl)}; ${correct}`;
}

/** Asks for the branch, or for the default branch, and its commit. */
export async function askRemote(
  session: Session,
  config: RemoteConfig,
  { branch, repoUrl }: Wanted,
  remote: string,
): Promise<Remote> {
  const ref = branch === undefined ? 'HEAD' : `refs/heads/${branch}`;
  session.say(`asking for ${branch ?? 'the default branch'}`);
  const { stdout } = await session.git(['ls-remote', '--symref', '--', remote, ref], {
    environment: config.environment,
  });
  const lines = stdout
    .toString()
    .split('\n')
    .map((line) => line.split('\t'));
  // A pattern of ls-remote also fits longer names that end in it.
  const commit = lines.find(
    ([value, name]) => name === ref && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value ?? ''),
  )?.[0];
  const symbolic = lines.find(([value, name]) => name === 'HEAD' && value?.startsWith('ref: refs/heads/'));
  const found = branch ?? symbolic?.[0]?.slice('ref: refs/heads/'.length);
  if (commit === undefined || found === undefined) {
    const shown = session.mask(repoUrl);
    throw new Failure(
      'remote_branch_missing',
      branch === undefined
        ? `${shown} is empty, or has no default branch, so '${session.name}' cannot follow it.`
        : `${shown} has no branch ${branch}, so '${session.name}' cannot follow it.`,
      'Set repo_branch to a branch that the repository has; git ls-remote --heads and the repo_url list them.',
    );
  }
  checkBranch(session.name, found);
  return { branch: found, commit };
}

/** Fetches the branch and returns its commit, which may be newer than the one that was asked for before. */
export async function fetchBranch(session: Session, config: RemoteConfig, branch: string): Promise<string> {
  const { git, say } = session;
  say(`fetching ${branch}`);
  const tracking = `refs/remotes/origin/${branch}`;
  await git(
    ['fetch', '--progress', '--no-recurse-submodules', '--', 'origin', `+refs/heads/${branch}:${tracking}`],
    { environment: config.environment },
  );
  const { stdout } = await git(['rev-parse', '--verify', `${tracking}^{commit}`]);
  return stdout.toString().trim();
}
