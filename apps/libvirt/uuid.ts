import { LibvirtError } from './error.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NIL = '00000000-0000-0000-0000-000000000000';

/** Returns whether a text is a UUID as libvirt writes it: lower case, with hyphens, and not the nil UUID. */
export function isUuid(text: string): boolean {
  return UUID.test(text) && text !== NIL;
}

/**
 * Parses a virtual machine's UUID, the only identifier that is used for operations: libvirt also accepts a number or a
 * name, so that `1` might be one machine's name and another one's number.
 * @returns the UUID in lower case
 * @throws LibvirtError `invalid` if it is not a UUID (RFC 9562), or is the nil UUID
 */
export function parseUuid(text: string): string {
  const uuid = text.toLowerCase();
  if (isUuid(uuid)) return uuid;
  throw new LibvirtError('invalid', `${JSON.stringify(text.slice(0, 80))} is not the UUID of a VM`);
}
