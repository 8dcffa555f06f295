import { setFlagsFromString } from 'node:v8';

/** A program in the executable. */
export interface Program {
  /**
   * Runs it to its end.
   * @param args arguments after its name
   * @returns exit status
   */
  main(args: string[]): Promise<number>;
}

/**
 * Makes V8 interpret a program instead of compiling it. For programs that mostly wait: compiling code that runs every
 * few seconds takes more processor time than it saves, a fifth of all that a console uses.
 */
function interpreted(program: Promise<Program>): Promise<Program> {
  for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag);
  return program;
}

/** The programs, each imported when it is called, so that none pays for the imports of the others. */
export const PROGRAMS: Readonly<Record<string, () => Promise<Program>>> = {
  'qx-disk': () => import('./disk/main.ts'),
  'qx-node': () => interpreted(import('./agent/main.ts')),
  'qx-console': () => interpreted(import('./console/qx-console.ts')),
  'qx-dcui': () => interpreted(import('./console/qx-dcui.ts')),
  'qx-install': () => import('./installer/main.ts'),
  'qx-support': () => import('./support/main.ts'),
  'qx-update': () => import('./update/main.ts'),
  'qx-controlplane': () => import('./control-plane/main.ts'),
};
