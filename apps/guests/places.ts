import { access, writeFile } from 'node:fs/promises';

/** Where the hook of libvirt (`/etc/libvirt/hooks/qemu`) notes which guests run, and what a stop is told by. */
export const GUEST_PLACES = {
  /** A file for each guest that runs, named by its UUID; on the data disk. */
  ran: '/var/lib/libvirt/running',
  /** Says how far a stop is, in a line; there while the host stops its guests. The hook then leaves its notes as they are. */
  stopping: '/run/quantix/guests/stopping',
  /** Whoever makes this file cuts a stop short. */
  cutShort: '/run/quantix/guests/cut-short',
};

export type GuestPlaces = typeof GUEST_PLACES;

/** Lets a host that goes down wait no longer for its guests. */
export async function cutShort(places: Pick<GuestPlaces, 'cutShort'>): Promise<void> {
  await writeFile(places.cutShort, '');
}

/** Whether there is such a mark. */
export async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
