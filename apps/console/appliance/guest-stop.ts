import { readFile } from 'node:fs/promises';
import { GUEST_PLACES, type GuestPlaces } from '../../guests/places.ts';
import { getErrorCode } from '../../process/code-of.ts';
import type { GuestStop } from '../facts.ts';

/** Reads the file in which the service that stops the guests describes what a shutdown still waits for. */
export async function readGuestStop({
  stopping,
}: Pick<GuestPlaces, 'stopping'> = GUEST_PLACES): Promise<GuestStop> {
  try {
    return { waits: (await readFile(stopping, 'utf8')).trim() };
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return { waits: null };
    throw error;
  }
}
