// `understudy completion`: the script that a shell loads. It knows no verb: it asks `understudy --complete`.

import { z } from 'zod';
import { type Answer, ownVerb } from './own-verb.ts';

/** The verb. */
export const completionVerb = ownVerb({
  name: 'completion',
  title: 'Complete words in your shell',
  description:
    'Prints a script for your shell, after which the tab key completes verbs, options, and the names of bots, processes and versions. Load it once for a session, or for good from the file that your shell reads at its start.',
  examples: [
    { command: 'completion bash', explains: 'in ~/.bashrc: source <(understudy completion bash)' },
    {
      command: 'completion zsh',
      explains: 'in ~/.zshrc, after compinit: source <(understudy completion zsh)',
    },
    {
      command: 'completion fish',
      explains: 'understudy completion fish > ~/.config/fish/completions/understudy.fish',
    },
  ],
  positionals: ['shell'],
  input: z.strictObject({ shell: z.enum(['bash', 'zsh', 'fish']).describe('Your shell') }),
  async run(_, { shell }): Promise<Answer> {
    const script = scripts[shell];
    return { output: { shell, script }, view: { text: script } };
  },
});

const scripts = {
  // Words come as they were typed, with their quotes; bash takes back what it should insert, quoted where it must be.
  bash: `# Completion of understudy for bash.
_understudy() {
  local candidate current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    case "$current" in
      [\\"\\']*) COMPREPLY+=("$candidate") ;;
      *) COMPREPLY+=("$(printf '%q' "$candidate")") ;;
    esac
  done < <("\${COMP_WORDS[0]}" --complete quoted "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _understudy understudy`,
  zsh: `#compdef understudy
# Completion of understudy for zsh.
_understudy() {
  local -a candidates
  local value explains
  while IFS=$'\\t' read -r value explains; do
    candidates+=("\${value//:/\\\\:}:$explains")
  done < <("\${words[1]}" --complete plain "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)
  if (( $#candidates )); then
    _describe -V understudy candidates
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _understudy ]]; then
  _understudy "$@"
else
  compdef _understudy understudy
fi`,
  fish: `# Completion of understudy for fish.
function __understudy_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l candidates (command $words[1] --complete quoted $words[2..-1] "$current" 2>/dev/null)
  if test (count $candidates) -gt 0
    printf '%s\\n' $candidates
  else
    __fish_complete_path "$current"
  end
end
complete -c understudy -f -a '(__understudy_complete)'`,
} as const;
