// What git's own words mean for a person: a stable code, and the next step.

import { Failure } from '../../../tool.ts';
import { onOneLine } from './names.ts';

interface Reading {
  readonly pattern: RegExp;
  readonly code: string;
  readonly hint: (found: RegExpExecArray, folder: string) => string;
}

/** The first that fits counts. */
const readings: readonly Reading[] = [
  {
    pattern: /dubious ownership in repository at '([^'\n]+)'/,
    code: 'git_dubious_ownership',
    hint: ([, place]) =>
      `It belongs to another user. Trust it with git config --global --add safe.directory ${place}, or give it to the user that runs Understudy: chown -R USER ${place}`,
  },
  {
    pattern: /(?:Unable to create|cannot lock ref).*?'([^'\n]+\.lock)': File exists/,
    code: 'git_locked',
    hint: ([, file]) => `When no git command runs there any more, remove the file: rm ${file}`,
  },
  {
    pattern: /No space left on device|Disk quota exceeded/i,
    code: 'disk_full',
    hint: () => 'Free some space and start the bot again: df -h',
  },
  {
    pattern:
      /Authentication failed|could not read (?:Username|Password)|Permission denied[ ,]+[(p]|Host key verification failed|returned error: 40[13]|access denied|insufficient permission/i,
    code: 'remote_access_denied',
    hint: () =>
      'Give the user that runs Understudy access: an ssh key with a known host, or a credential helper of git. Try it with git ls-remote and the repo_url.',
  },
  {
    pattern: /Permission denied|Read-only file system|Operation not permitted|unable to write/i,
    code: 'files_unusable',
    hint: (_, folder) =>
      `Look whether the disk is full, and who owns the files: df -h ${folder}; ls -la ${folder}`,
  },
  {
    pattern:
      /Could not resolve host|Connection (?:refused|timed out|reset)|unable to connect|Network is unreachable|Failed to connect|No route to host|Name or service not known|Temporary failure in name resolution|unable to look up/i,
    code: 'remote_unreachable',
    hint: () => 'Look at the network of this machine, and at the host in repo_url.',
  },
  {
    pattern:
      /repository .*not found|does not appear to be a git repository|returned error: 404|Could not read from remote repository|does not exist/i,
    code: 'remote_missing',
    hint: () => 'Correct the repo_url of the bot. Try it with git ls-remote and the repo_url.',
  },
  {
    pattern: /would be overwritten by (?:merge|checkout)|would lose untracked files/i,
    code: 'git_refused',
    hint: (_, folder) => `Somebody works there right now. Look at it with git -C ${folder} status`,
  },
  {
    pattern: /not a git repository/i,
    code: 'not_a_repository',
    hint: (_, folder) => `Look at it with git -C ${folder} status`,
  },
  {
    pattern: /Remote branch .* not found|couldn't find remote ref/i,
    code: 'remote_branch_missing',
    hint: () => 'Set repo_branch to a branch that the repository has.',
  },
];

/** The Failure that stands for what git said when it failed. */
export function failureOf(
  about: { readonly name: string; readonly folder: string; readonly mask: (text: string) => string },
  verb: string,
  said: string,
): Failure {
  const text = about.mask(said);
  for (const { pattern, code, hint } of readings) {
    const found = pattern.exec(text);
    if (found) return new Failure(code, messageOf(about.name, verb, text), hint(found, about.folder));
  }
  return new Failure(
    'git_failed',
    messageOf(about.name, verb, text),
    `Look at it with git -C ${about.folder} status`,
  );
}

function messageOf(name: string, verb: string, text: string): string {
  const lines = text.split('\n').filter((line) => !/^hint: /.test(line));
  // What git calls fatal says more than what it printed on the way there.
  const decisive = lines.filter((line) => /^(?:fatal|error|remote: error):/i.test(line));
  const said = (decisive.length > 0 ? decisive : lines.slice(-3)).map((line) => onOneLine(line)).join(' ');
  return `git ${verb} for '${name}' failed: ${onOneLine(said, 500)}`;
}
