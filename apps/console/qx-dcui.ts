import { createControlPlaneDeps } from './appliance/deps.ts';
import { runConsole } from './main.ts';

/** Runs `qx-dcui`, the console of QvDC. @returns exit status */
export function main(args: string[]): Promise<number> {
  return runConsole({ name: 'qx-dcui', product: 'QvDC', args, deps: createControlPlaneDeps });
}
