import { LibvirtError } from './error.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NIL = '00000000-0000-0000-0000-000000000000';

/** True for a UUID as libvirt writes it: lower case, with hyphens, and not the nil UUID, which stands for none. */
export function isUuid(text: string): boolean {
  return UUID.test(text) && text !== NIL;
}

/**
 * A virtual machine's UUID, the only name by which one is acted upon: libvirt takes a number or a name in its place, so
 * that `1` may be a machine's name or another one's number.
 * @returns in lower case
 * @throws LibvirtError `invalid` if it is no UUID (RFC 9562), or the nil UUID
 */
export function parseUuid(text: string): string {
  const uuid = text.toLowerCase();
  if (isUuid(uuid)) return uuid;
  throw new LibvirtError('invalid', `${JSON.stringify(text.slice(0, 80))} is not the UUID of a VM`);
}
