import type { Release } from '../../build/release/release.ts';
import { ExplainedError } from '../error.ts';
import { RESERVED_BYTES } from './progress-note.ts';

/** An update is refused; the message says why. */
export class UpdateRefusal extends ExplainedError {}

/** The running system, by its os-release(5) and its processor. */
export interface Running {
  product: string;
  version: string;
  base: string;
  /** Architecture in the names of releases: `x86_64`. */
  architecture: string;
}

/** Conditions for accepting a release on this machine. */
export interface Terms {
  running: Omit<Running, 'version'>;
  now: Date;
  /** The lowest serial that the confirmed version accepts. */
  floor: number;
  /** The highest serial of its channel that was seen on this machine. */
  seen: number;
  /** Size in bytes of the slot to write. */
  slotBytes: number;
  /**
   * SHA-256 of the certificate whose key must have signed the boot files, because the boot loader of this disk requires
   * it; undefined if the boot loader accepts unsigned files.
   */
  owner: string | undefined;
}

/** Milliseconds by which two clocks may differ. */
const CLOCK_DIFFERENCE = 24 * 60 * 60 * 1000;

/**
 * Checks that a release, whose signature has been verified, is for this machine and not outdated.
 * @throws UpdateRefusal with the reason if it is not
 */
export function acceptRelease(release: Release, terms: Terms): void {
  const reason = refusalOf(release, terms);
  if (reason !== undefined) throw new UpdateRefusal({ where: nameOf(release), ...reason });
}

/** Names a release in messages: `quantix-os 0.2.0, stable 7`. */
export function nameOf({ product, version, channel, serial }: Release): string {
  return `${product} ${version}, ${channel} ${serial}`;
}

function refusalOf(
  release: Release,
  { running, now, floor, seen, slotBytes, owner }: Terms,
): { what: string; fix?: string } | undefined {
  const { product, architecture, base, serial, channel, issued, expires, image } = release;
  if (product !== running.product) {
    return { what: `it is a release of ${product}, and this machine is ${running.product}` };
  }
  if (architecture !== running.architecture) {
    return { what: `it is for ${architecture}, and this machine is ${running.architecture}` };
  }
  if (base !== running.base) {
    return {
      what: `it is made from ${base}, and this system from ${running.base}`,
      fix: 'Install it anew: data of one cannot be taken over by the other.',
    };
  }
  if (Date.parse(issued) > now.getTime() + CLOCK_DIFFERENCE) {
    return {
      what: `it was issued at ${issued}, later than this machine's clock, ${now.toISOString()}: whether it has expired is not known`,
      fix: 'Set the time: `qx-time status` shows what is wrong.',
    };
  }
  if (Date.parse(expires) <= now.getTime()) {
    return {
      what: `it expired at ${expires}`,
      fix: 'Take a newer release; the server may be held back, or this machine’s clock wrong.',
    };
  }
  if (serial < floor) {
    return { what: `its serial is ${serial}, and the version in use takes none below ${floor}` };
  }
  if (serial < seen) {
    return {
      what: `its serial is ${serial}, and ${channel} has had ${seen} here: it is an old release`,
    };
  }
  if (owner !== undefined && release.owner !== owner) {
    return {
      what: `its boot files are not signed with the key that the boot loader of this disk demands (certificate ${owner})`,
      fix: 'Publish an image that was built with this key (SECURE_BOOT), or install again; configuration and data can be kept.',
    };
  }
  const room = slotBytes - RESERVED_BYTES;
  if (image.bytes > room) {
    return {
      what: `its image has ${image.bytes} bytes, and a slot of this disk has room for ${room}`,
      fix: 'Install it anew, which makes larger slots; configuration and data can be kept.',
    };
  }
  return undefined;
}
