import { CommandError } from '../process/command-error.ts';
import { streamLines } from '../process/stream-lines.ts';
import { parseEvent, type VmEvent } from './event.ts';

/**
 * Calls back for each lifecycle event of a virtual machine (defined, started, stopped, undefined, …) as libvirt sends
 * it, until the connection ends or the signal is aborted. virsh(1) does not say when it begins to listen.
 * @returns why it ended, in virsh's words; `undefined` if it was aborted
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
