import { access, writeFile } from 'node:fs/promises';

/**
 * Files with which libvirt's hook (`/etc/libvirt/hooks/qemu`) records running guests, and by which a stop is observed
 * and cut short.
 */
export const GUEST_PLACES = {
  /** A file for each running guest, named by its UUID; on the data disk. */
  ran: '/var/lib/libvirt/running',
  /**
   * Progress of a stop, in one line; exists while the host stops its guests. The hook then leaves its records
   * unchanged.
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
