// The shim: a few lines of shell between the supervisor and a command. It leads the session, outlives every manager,
// waits for the command, and leaves the exit status on disk. A stopped dash costs about 0.1 MB.
//
// - The command runs in the foreground of the shim, so its signals are what they would be without it; the shim traps
//   the catchable ones, since a signal to the group must end the command and not the note about its end.
// - The command's own PID is the inner shell's, which becomes the command by `exec`. It is told in `pid`, and to
//   the spawner through descriptor 3, which may have gone by then.
// - The status overwrites four bytes that are there before the command starts, and is then renamed to `exit`: this
//   works on a full disk. An empty file in the folder of endings wakes the supervisor.
// - Nothing of the project is read after the start: the script is an argument, so a release may replace every file.

const innerScript = [
  'echo $$ >pid',
  "trap '' PIPE",
  'echo $$ 2>/dev/null >&3',
  'trap - PIPE',
  'exec 3>&-',
  'cd -- "$1" || exit 126',
  'shift',
  'exec "$@"',
].join('\n');

const outerScript = [
  ': understudy keeps the exit status of the command',
  'trap : HUP INT QUIT TERM USR1 USR2 ALRM TTIN TTOU TSTP',
  'inner=$1 folder=$2 ending=$3 input=$4',
  'shift 4',
  'cd -- "$folder" || exit 1',
  'if [ "$input" = input ]; then command -p mkfifo -m 600 stdin && exec <>stdin; fi',
  '/bin/sh -c "$inner" understudy "$@"',
  'status=$?',
  // From here on nothing may end the shim or its `mv`: a signal to the group is meant for the command.
  "trap '' HUP INT QUIT TERM USR1 USR2 ALRM TTIN TTOU TSTP",
  'exec 3>&- <&- >/dev/null 2>&1',
  'printf "%-4s" "$status" 1<>exit.new',
  'command -p mv -f exit.new exit',
  ': >"$ending"',
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
      outerScript,
      'understudy',
      innerScript,
      runFolder,
      endingMarker,
      takesInput ? 'input' : '',
      directory,
      ...argv,
    ],
  };
}
