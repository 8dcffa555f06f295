import { CommandError } from '../process/command-error.ts';
import { streamLines } from '../process/stream-lines.ts';

/** An event of a virtual machine. */
export interface VmEvent {
  /** Name of the event in `virsh event --list`: `lifecycle`, `reboot`, … */
  event: string;
  /** Name of the machine: virsh does not write the UUID. */
  name: string;
  /** Detail such as `Started Booted`; empty if the event has none. */
  detail: string;
}

/**
 * Parses a line of `virsh event --loop`, with or without `--timestamp`: `event 'lifecycle' for domain 'web': Started
 * Booted`. A machine's name may have quotes and spaces.
 * @returns `undefined` for every other line
 */
export function parseEvent(line: string): VmEvent | undefined {
  const match = /^(?:[-0-9:.+ ]+: )?event '([a-z0-9-]+)' for domain '(.*)'(?:: (.*))?$/.exec(line);
  const [, event, name, detail = ''] = match ?? [];
  return event === undefined || name === undefined ? undefined : { event, name, detail };
}

/**
 * Calls back for each lifecycle event of a virtual machine (defined, started, stopped, undefined, …) as libvirt sends
 * it, until the connection ends or the signal is aborted. virsh(1) does not say when it begins to listen.
 * @returns virsh's message about why it ended; `undefined` if it was aborted
 */
export async function followEvents(
  { uri, signal }: { uri: string; signal: AbortSignal },
  onEvent: (event: VmEvent) => void,
): Promise<string | undefined> {
  const args = ['--quiet', '--connect', uri, 'event', '--loop', '--event', 'lifecycle'];
  try {
    for await (const line of streamLines('virsh', args, { signal })) {
      const event = parseEvent(line);
      if (event !== undefined) onEvent(event);
    }
    return signal.aborted ? undefined : 'virsh ended by itself';
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
}
