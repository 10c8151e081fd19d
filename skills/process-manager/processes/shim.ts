// The shim: a few lines of shell between the supervisor and a command. It leads the session, outlives every manager,
// waits for the command, and leaves the exit status on disk. A stopped dash costs about 0.1 MB.
//
// - The command runs in the foreground of the shim, so its signals are what they would be without it; the shim traps
//   the catchable ones, since a signal to the group must end the command and not the note about its end.
// - The command's own PID is that of a subshell, which becomes the command by `exec`. It is told in `pid`, and to
//   the spawner through descriptor 3, which may have gone by then.
// - The status overwrites four bytes that are there before the command starts, and is then renamed to `exit`: this
//   works on a full disk. An empty file in the folder of endings wakes the supervisor.
// - Its variables have names of their own, since a variable of the command's environment must not be changed.
// - Nothing of the project is read after the start: the script is an argument, so a release may replace every file.

/** What becomes the command. `$1` is its folder, the rest its words, and `pid` its own PID. */
const becomeCommand = [
  'exec 2>&4 4>&-',
  'echo "$us_pid" >pid',
  "trap '' PIPE",
  'echo "$us_pid" 2>/dev/null >&3',
  'trap - PIPE',
  'exec 3>&-',
  'cd -- "$1" || exit 126',
  'shift',
  'exec "$@"',
].join('\n');

const script = [
  ': the exit status of this command is kept for understudy',
  'trap : HUP INT QUIT TERM USR1 USR2 ALRM TTIN TTOU TSTP',
  'us_become=$1 us_folder=$2 us_ending=$3 us_input=$4',
  'shift 4',
  'cd -- "$us_folder" || exit 1',
  'if [ "$us_input" = input ]; then command -p mkfifo -m 600 stdin && exec <>stdin; fi',
  // Shells say "Terminated" of a command that a signal has ended, and the log is the command's own.
  'exec 4>&2 2>/dev/null',
  // A subshell cannot ask the shell for its PID, but Linux tells it; that saves the start of a second shell.
  'if [ -r /proc/self/stat ]; then (',
  'read -r us_pid us_rest </proc/self/stat',
  becomeCommand,
  ') else /bin/sh -c "us_pid=\\$\\$',
  '$us_become" understudy "$@"; fi',
  'us_status=$?',
  // From here on nothing may end the shim or its `mv`: a signal to the group is meant for the command.
  "trap '' HUP INT QUIT TERM USR1 USR2 ALRM TTIN TTOU TSTP",
  'exec 3>&- 4>&- <&- >/dev/null',
  'printf "%-4s" "$us_status" 1<>exit.new',
  'command -p mv -f exit.new exit',
  ': >"$us_ending"',
].join('\n');

/** The bytes that the status overwrites. */
export const exitPlaceholder = '    ';

/** What to spawn for a command. */
export function shimCommand(options: {
  readonly runFolder: string;
  /** Created empty when the status is on disk: whoever watches its folder wakes up. */
  readonly endingMarker: string;
  readonly directory: string;
  readonly takesInput: boolean;
  readonly argv: readonly string[];
}): { program: string; words: string[] } {
  const { runFolder, endingMarker, directory, takesInput, argv } = options;
  return {
    program: '/bin/sh',
    words: [
      '-c',
      script,
      'understudy',
      becomeCommand,
      runFolder,
      endingMarker,
      takesInput ? 'input' : '',
      directory,
      ...argv,
    ],
  };
}
