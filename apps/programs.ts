import { setFlagsFromString } from 'node:v8';

/** A program of the executable. */
export interface Program {
  /**
   * Runs it to its end.
   * @param args what stands after its name on the command line
   * @returns exit status
   */
  main(args: string[]): Promise<number>;
}

/**
 * A program that V8 interprets and does not compile. For those that wait most of their time: compiling what they do every
 * few seconds costs more than it saves, a fifth of what a console takes.
 */
function interpreted(program: Promise<Program>): Promise<Program> {
  for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag);
  return program;
}

/** The programs, each loaded when it is called: what the others import costs it nothing. */
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
