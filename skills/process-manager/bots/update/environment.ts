// The environment and the standing options of every git command: nothing asks, nothing stays behind in the background,
// no variable of ours points git to another repository, and no address can name a program.

/** Found in the environment of every process of an update, so that it is found again after the manager was killed. */
export const updateVariable = 'UNDERSTUDY_UPDATE';

const passedOn = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'TMPDIR', 'TZ', 'XDG_CONFIG_HOME', 'KRB5CCNAME'],
  ...['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_NOSYSTEM'],
  ...['SSH_AUTH_SOCK', 'SSH_AGENT_PID', 'GIT_SSH', 'GIT_SSH_COMMAND'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH'],
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'],
];

/** The whole environment of a git command. */
export function gitEnvironment(own: NodeJS.ProcessEnv, mark: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of passedOn) {
    const value = own[name];
    if (value !== undefined) environment[name] = value;
  }
  return {
    ...environment,
    // Messages are read by us, so they come in one language.
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    // Set but empty: git asks no program, not even one that its configuration names.
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    SSH_ASKPASS_REQUIRE: 'never',
    GCM_INTERACTIVE: 'never',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
    // Looking at a repository must not lock it against its owner.
    GIT_OPTIONAL_LOCKS: '0',
    [updateVariable]: mark,
  };
}

/** How ssh is run: never asking, and otherwise as the environment or git's own configuration says. */
export function sshEnvironment(
  own: NodeJS.ProcessEnv,
  configured: string | undefined,
): Record<string, string> {
  const isChosen = own.GIT_SSH_COMMAND !== undefined || own.GIT_SSH !== undefined || configured !== undefined;
  return isChosen ? {} : { GIT_SSH_COMMAND: 'ssh -o BatchMode=yes' };
}

/** Stand before the verb of every git command. */
export const standingOptions: readonly string[] = [
  '--no-pager',
  ...['-c', 'protocol.ext.allow=never'],
  ...['-c', 'core.fsmonitor=false'],
  ...['-c', 'submodule.recurse=false'],
  ...['-c', 'fetch.recurseSubmodules=false'],
  ...['-c', 'color.ui=false'],
  ...['-c', 'advice.detachedHead=false'],
];

/** Keeps git from tidying up in the background; the update does that itself, at its end. */
export const withoutTidying: readonly string[] = ['-c', 'gc.auto=0', '-c', 'maintenance.auto=false'];

/** Lets git tidy up where it is needed, and wait for that. */
export const tidyingInForeground: readonly string[] = [
  ...['-c', 'gc.autoDetach=false'],
  ...['-c', 'maintenance.autoDetach=false'],
];
