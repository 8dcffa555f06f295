/** A program of the executable. */
export interface Program {
  /**
   * Runs it to its end.
   * @param args what stands after its name on the command line
   * @returns exit status
   */
  main(args: string[]): Promise<number>;
}

/** The programs, each loaded when it is called: what the others import costs it nothing. */
export const PROGRAMS: Readonly<Record<string, () => Promise<Program>>> = {
  'qx-node': () => import('./agent/main.ts'),
  'qx-console': () => import('./console/qx-console.ts'),
  'qx-dcui': () => import('./console/qx-dcui.ts'),
  'qx-support': () => import('./support/main.ts'),
  'qx-controlplane': () => import('./control-plane/main.ts'),
};
