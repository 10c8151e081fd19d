// What git, ssh and servers say when they fail, and what a person is told.

import { expect, it } from 'vitest';
import { failureOf } from '../../../../../skills/process-manager/bots/update/git-failures.ts';

const about = { name: 'echo', folder: '/bots/echo', mask: (text: string) => text };

it.each([
  ["fatal: detected dubious ownership in repository at '/bots/echo'\nTo add", 'git_dubious_ownership'],
  ["fatal: Unable to create '/bots/echo/.git/index.lock': File exists.\n\nAnother git", 'git_locked'],
  [
    "error: cannot lock ref 'refs/remotes/origin/x': Unable to create '/b/.git/refs/x.lock': File exists.",
    'git_locked',
  ],
  ['error: unable to write file big.bin', 'files_unusable'],
  ['fatal: write error: No space left on device', 'disk_full'],
  ["error: unable to unlink old 'bot.py': Permission denied", 'files_unusable'],
  ["fatal: Unable to create '/bots/echo/.git/index.lock': Permission denied", 'files_unusable'],
  ["error: cannot open '.git/FETCH_HEAD': Read-only file system", 'files_unusable'],
  [
    'git@example.org: Permission denied (publickey).\nfatal: Could not read from remote',
    'remote_access_denied',
  ],
  ['Permission denied, please try again.', 'remote_access_denied'],
  ['Host key verification failed.\nfatal: Could not read from remote repository.', 'remote_access_denied'],
  [
    "fatal: could not read Username for 'https://example.org': terminal prompts disabled",
    'remote_access_denied',
  ],
  ["fatal: unable to access 'https://h/x/': The requested URL returned error: 403", 'remote_access_denied'],
  ["fatal: unable to access 'https://h/x/': Could not resolve host: h", 'remote_unreachable'],
  ['ssh: connect to host h port 22: Connection refused\nfatal: Could not read from', 'remote_unreachable'],
  ["fatal: repository 'https://example.org/x/' not found", 'remote_missing'],
  ["fatal: '/nowhere' does not appear to be a git repository", 'remote_missing'],
  ['fatal: not a git repository (or any of the parent directories): .git', 'not_a_repository'],
  ["fatal: couldn't find remote ref refs/heads/x", 'remote_branch_missing'],
  ['fatal: something new', 'git_failed'],
])('understands %j', (said, code) => {
  const failure = failureOf(about, 'fetch', said);
  expect(failure.code).toBe(code);
  expect(failure.hint).not.toBe('');
});
