/** Something that happened to a virtual machine. */
export interface VmEvent {
  /** As `virsh event --list` names it: `lifecycle`, `reboot`, … */
  event: string;
  /** Name of the machine: virsh tells no UUID. */
  name: string;
  /** Such as `Started Booted`; empty for an event that has none. */
  detail: string;
}

/**
 * Reads a line of `virsh event --loop`, with or without `--timestamp`:
 * `event 'lifecycle' for domain 'web': Started Booted`. A machine's name may have quotes and spaces.
 * @returns `undefined` for every other line
 */
export function parseEvent(line: string): VmEvent | undefined {
  const match = /^(?:[-0-9:.+ ]+: )?event '([a-z0-9-]+)' for domain '(.*)'(?:: (.*))?$/.exec(line);
  const [, event, name, detail = ''] = match ?? [];
  return event === undefined || name === undefined ? undefined : { event, name, detail };
}
