import { run } from '../../process/run.ts';

/** Milliseconds that the programs may take; they only notify init. */
const TIMEOUT = 10_000;

/** Restarts the machine, after its services have stopped. @throws CommandError */
export async function restart(signal: AbortSignal): Promise<void> {
  await run('/sbin/reboot', [], { timeout: TIMEOUT, signal });
}

/** Shuts the machine down and switches it off. @throws CommandError */
export async function powerOff(signal: AbortSignal): Promise<void> {
  await run('/sbin/poweroff', [], { timeout: TIMEOUT, signal });
}
