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
