import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT } from '../profile/profiles.ts';

const LIBRARY = join(PROJECT, 'overlay/common/usr/lib/quantix');

/** busybox, the shell of the appliances, and dash, a strict POSIX shell. */
export const SHELLS = [['busybox', 'sh'], ['dash']] as const;
export type Shell = (typeof SHELLS)[number];

/** Replaces functions that need a machine: messages go to standard output, and files can be stored. */
const STAND_INS = `
report() { echo "report: $*"; }
is_persistent() { [ -z "$NOTHING_PERSISTS" ]; }
`;

/** Outcome of a shell. */
export interface Outcome {
  status: number;
  /** Without the last line feed. */
  stdout: string;
}

/** Environment in which shell text runs. */
export interface ShellEnvironment {
  shell: Shell;
  /** Parts of the appliance's programs that are read first, such as `ssh/host-keys`. */
  parts: readonly string[];
  cwd: string;
  env?: Readonly<Record<string, string>>;
}

/** Runs shell text after parts of the appliance's programs, whatever its exit status. */
export async function inShell(text: string, environment: ShellEnvironment): Promise<Outcome> {
  const { shell, parts, cwd, env } = environment;
  const [program, ...words] = shell;
  const read = parts.map((part) => `. ${LIBRARY}/${part}.sh\n`).join('');
  const { exitCode, stdout } = await execa(
    program,
    [...words, '-c', `${read}${STAND_INS}${text}`],
    {
      cwd,
      reject: false,
      stdin: 'ignore',
      env: { LC_ALL: 'C', ...env },
    },
  );
  return { status: exitCode ?? -1, stdout };
}
