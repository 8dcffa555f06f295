import { USER_ROLES } from '../../api/users.ts';
import { UsageError } from '../../process/command-line.ts';
import { OPERATOR_OPTIONS, OPTIONS_OF, VERBS_OF } from '../operator/options.ts';

/** Commands, with their possible second words. */
const SECOND_WORDS: Readonly<Record<string, readonly string[]>> = {
  ...{ run: [], migrate: ['status', 'up', 'down'], backup: ['verify'], restore: [], doctor: [] },
  ...VERBS_OF,
  completion: ['bash'],
};

/** Options of commands, besides those of all. */
const COMMANDS_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  backup: ['passphrase-file', 'overwrite'],
  restore: ['passphrase-file', 'keep-configuration', 'yes'],
  ...OPTIONS_OF,
};

/** Options whose values are files, and those whose values are known. */
const FILES = ['config', 'passphrase-file', 'cert', 'key', 'authority'];
const VALUES: Readonly<Record<string, readonly string[]>> = {
  role: USER_ROLES.toReversed(),
};

/**
 * Returns the script with which bash completes the words of qx-controlplane (bash(1), Programmable Completion). It
 * contains all words, so that no program is started while somebody types.
 * @param shell `bash`: no other shell of the appliance has programmable completion
 * @throws UsageError for another shell
 */
export function formatCompletionScript(shell: string | undefined): string {
  if (shell !== 'bash') throw new UsageError('completion is followed by bash');
  return `# Completion of qx-controlplane for bash: source <(qx-controlplane completion bash)
_qx_controlplane() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words=() option= answers= files= one
  for one in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -n "$option" ]; then
      # Bash takes the = of --option=value for a word of its own.
      [ "$one" = = ] || option=
      continue
    fi
    case "$one" in
      ${listOptions(valued(), '|')}) option="$one" ;;
      -*) ;;
      *) words+=("$one") ;;
    esac
  done
  if [ -n "$option" ]; then
    if [ "$word" = = ]; then word=; fi
    case "$option" in
${lines(VALUES, (name, values) => `--${name}) answers='${values.join(' ')}'`)}
      ${listOptions(FILES, '|')}) files=yes ;;
    esac
  elif [[ "$word" = -* ]]; then
    answers='--json --config --help'
    case "\${words[*]}" in
${lines(COMMANDS_OPTIONS, (command, options) => `'${command}'*) answers+=' ${listOptions(options, ' ')}'`)}
    esac
  else
    case "\${words[*]}" in
      '') answers='${Object.keys(SECOND_WORDS).join(' ')}' ;;
${lines(SECOND_WORDS, (command, second) => `${command}) answers='${second.join(' ')}'`)}
      'nodes maintenance '*) answers='on off' ;;
    esac
    case "\${words[*]}" in
      backup | 'backup verify' | restore) files=yes ;;
    esac
  fi
  mapfile -t COMPREPLY < <(
    compgen -W "$answers" -- "$word"
    if [ -n "$files" ]; then compgen -f -- "$word"; fi
  )
}
complete -o filenames -F _qx_controlplane qx-controlplane
`;
}

/** Returns the names of all options that have a value. */
function valued(): string[] {
  const operators = Object.entries(OPERATOR_OPTIONS);
  const named = operators.flatMap(([name, { type }]) => (type === 'string' ? [name] : []));
  return [...new Set([...named, ...FILES])];
}

const listOptions = (names: readonly string[], separator: string) =>
  names.map((name) => `--${name}`).join(separator);

/** Returns a line of a `case` for each entry. */
function lines(
  table: Readonly<Record<string, readonly string[]>>,
  line: (key: string, values: readonly string[]) => string,
): string {
  return Object.entries(table)
    .map(([key, values]) => `      ${line(key, values)} ;;`)
    .join('\n');
}
