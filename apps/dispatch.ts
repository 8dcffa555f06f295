/** Name of the executable that holds all programs. */
export const EXECUTABLE = 'qx';

/** The action that a command line selects. */
export type Call =
  | { readonly kind: 'run'; readonly program: string; readonly args: readonly string[] }
  | { readonly kind: 'version' }
  | { readonly kind: 'usage' }
  | { readonly kind: 'unknown'; readonly name: string };

/**
 * Parses a command line as busybox does: the name by which the executable is called (a link) selects the program; if
 * that is `qx`, the first argument does.
 * @param calledAs path or name by which it is called; never starts with `-`, because Node would treat it as an option
 * @param args arguments after that name
 * @param programs names of the programs in the executable
 */
export function callOf(
  calledAs: string,
  args: readonly string[],
  programs: readonly string[],
): Call {
  const name = calledAs.slice(calledAs.lastIndexOf('/') + 1);
  if (name !== EXECUTABLE) return runOrUnknown(name, args, programs);
  const [first, ...rest] = args;
  if (first === '--version') return { kind: 'version' };
  if (first === undefined || first === '--help') return { kind: 'usage' };
  return runOrUnknown(first, rest, programs);
}

function runOrUnknown(program: string, args: readonly string[], programs: readonly string[]): Call {
  if (programs.includes(program)) return { kind: 'run', program, args };
  return { kind: 'unknown', name: program };
}

/** Returns the usage text of the executable. */
export function formatUsage(programs: readonly string[]): string {
  const list = programs.length === 0 ? 'none in this build' : [...programs].sort().join(', ');
  return [
    `usage: ${EXECUTABLE} PROGRAM [ARGUMENT…], or a link with a program's name; ${EXECUTABLE} --version`,
    `programs: ${list}`,
  ].join('\n');
}
