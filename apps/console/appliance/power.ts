import { run } from '../../process/run.ts';

/** Milliseconds; the programs only tell init. */
const TIMEOUT = 10_000;

/** Restarts the machine, services first. @throws CommandError */
export async function restart(signal: AbortSignal): Promise<void> {
  await run('/sbin/reboot', [], { timeout: TIMEOUT, signal });
}

/** Shuts the machine down and turns it off. @throws CommandError */
export async function powerOff(signal: AbortSignal): Promise<void> {
  await run('/sbin/poweroff', [], { timeout: TIMEOUT, signal });
}
