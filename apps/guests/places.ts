import { access, writeFile } from 'node:fs/promises';

/**
 * Files in which libvirt's hook (`/etc/libvirt/hooks/qemu`) records running guests, and files for observing a stop and
 * cutting it short.
 */
export const GUEST_PLACES = {
  /** A file for each running guest, named by its UUID; on the data disk. */
  ran: '/var/lib/libvirt/running',
  /**
   * Progress of a stop, in one line. While this file exists, the host stops its guests, and the hook does not change
   * its records.
   */
  stopping: '/run/quantix/guests/stopping',
  /** Creating this file cuts a stop short. */
  cutShort: '/run/quantix/guests/cut-short',
};

export type GuestPlaces = typeof GUEST_PLACES;

/** Makes a host that is shutting down stop waiting for its guests. */
export async function cutShort(places: Pick<GuestPlaces, 'cutShort'>): Promise<void> {
  await writeFile(places.cutShort, '');
}

/** Returns whether a file exists. */
export async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
