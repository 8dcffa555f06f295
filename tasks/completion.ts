import type { Argv } from 'yargs';
import { quoteForShell } from '../build/process/quote.ts';

/** Shells that have a completion script. */
export const SHELLS = ['bash', 'zsh'] as const;

export type Shell = (typeof SHELLS)[number];

/** Option with which yargs prints completions; the words of the line follow it. */
export const COMPLETION_WORD = '--get-yargs-completions';

/**
 * Returns a script that defines `qx-build` as a shell function for any folder, and completes its words.
 * @param program words of the command that runs the toolchain
 */
export function formatCompletionScript(shell: Shell, program: readonly string[]): string {
  const call = program.map(quoteForShell).join(' ');
  return shell === 'bash' ? bashScript(call) : zshScript(call);
}

/** SHELL tells yargs which format to print: with descriptions for zsh, without for bash. */
function bashScript(call: string): string {
  return `# Completion of qx-build for bash: source <(… qx-build completion bash)
qx-build() { ${call} "$@"; }
_qx_build() {
  local word="\${COMP_WORDS[COMP_CWORD]}" answers=()
  # Bash takes the = of --option=value for a word of its own.
  [ "$word" = = ] && word=
  mapfile -t answers < <(SHELL=bash ${call} ${COMPLETION_WORD} qx-build "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  mapfile -t COMPREPLY < <(compgen -W "$(printf '%q ' "\${answers[@]}")" -- "$word")
}
complete -o default -F _qx_build qx-build
`;
}

function zshScript(call: string): string {
  return `# Completion of qx-build for zsh: source <(… qx-build completion zsh)
qx-build() { ${call} "$@" }
_qx_build() {
  local -a answers
  answers=("\${(@f)$(SHELL=zsh ${call} ${COMPLETION_WORD} qx-build "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${#answers[1]} )); then _describe qx-build answers; else _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _qx_build qx-build
`;
}

/**
 * Splits the words of a line as yargs expects them: an option and its value are two words, however they were written.
 * @param words words after `qx-build`, up to the one at the cursor
 */
export function separateValues(words: readonly string[]): { words: string[]; prefix: string } {
  const plain = words.flatMap((word, index) => {
    const isSign = word === '=' && words[index - 1]?.startsWith('--') === true;
    // At the end of the line, `=` becomes an empty value; before a value, it is dropped.
    return isSign ? (index === words.length - 1 ? [''] : []) : [word];
  });
  const [, option, value] = /^(--[\w-]+)=(.*)$/s.exec(plain.at(-1) ?? '') ?? [];
  if (option === undefined || value === undefined) return { words: plain, prefix: '' };
  return { words: [...plain.slice(0, -1), option, value], prefix: `${option}=` };
}

/**
 * Lets yargs complete a command line instead of running it.
 * @param values option name → further values that it can have besides its choices
 * @param prefix prepended to each completion
 */
export function completeWords(
  line: Argv,
  {
    words,
    prefix,
    values,
  }: {
    words: readonly string[];
    prefix: string;
    values: ReadonlyMap<string, () => readonly string[]>;
  },
): Argv {
  return line.completion(
    'completion-words',
    false,
    (
      current: string,
      _argv: unknown,
      completeByDefault: (then: (error: Error | null, answers?: string[]) => void) => unknown,
      done: (answers: string[]) => void,
    ) => {
      const own = values.get(words.at(-2) ?? '');
      if (own !== undefined) {
        done(
          own()
            .filter((value) => value.startsWith(current))
            .map((value) => prefix + value),
        );
        return;
      }
      completeByDefault((_error, answers = []) => done(answers.map((answer) => prefix + answer)));
    },
  );
}
