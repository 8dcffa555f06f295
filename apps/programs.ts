import { setFlagsFromString } from 'node:v8';

/** A program in the executable. */
export interface Program {
  /**
   * Runs the program until it ends.
   * @param args arguments after its name
   * @returns exit status
   */
  main(args: string[]): Promise<number>;
}

/**
 * Makes V8 interpret a program instead of compiling it. This is for programs that mostly wait: compiling code that runs
 * only every few seconds takes more processor time than it saves, in a console a fifth of all its processor time.
 */
function interpreted(program: Promise<Program>): Promise<Program> {
  for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag);
  return program;
}

/** The programs. Each is imported only when it is called, so that it does not load the modules of the others. */
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
