import { createHypervisorDeps } from './appliance/deps.ts';
import { runConsole } from './main.ts';

/** Runs `qx-console`, the console of Quantix-OS. @returns exit status */
export function main(args: string[]): Promise<number> {
  return runConsole({
    name: 'qx-console',
    product: 'Quantix-OS',
    args,
    deps: createHypervisorDeps,
  });
}
