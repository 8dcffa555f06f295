import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readAttribute, readNames } from '../host/read.ts';
import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';
import { StorageError } from './error.ts';

/**
 * Milliseconds that iscsiadm(8) may take (it waits 15 s for a target), and milliseconds within which the disks of a new
 * session and their multipath devices must appear.
 */
const LOGIN_LIMIT = 30_000;
const DISKS_LIMIT = 10_000;
const PAUSE = 200;

/** Exit statuses of iscsiadm(8): the session exists; no record was found. */
const SESSION_EXISTS = 15;
const NOTHING_FOUND = 21;

/**
 * Seconds before reads and writes over a lost session fail (open-iscsi's README, 8.1). With a single path, they never
 * fail, as with NFS, so that guests continue when the session is back. With several paths, they fail soon, so that
 * another path is used.
 */
const TIMEOUT = 'node.session.timeo.replacement_timeout';
const FOR_EVER = '-1';
const FAIL_OVER = '15';

/** An iSCSI target, and its addresses. */
export interface Target {
  target: string;
  portals: readonly string[];
}

/** Reads the names in sysfs of the sessions with a target. */
export async function readSessions(target: string, root = '/'): Promise<string[]> {
  const folder = join(root, 'sys/class/iscsi_session');
  const names = await readNames(folder);
  const targets = await Promise.all(
    names.map((name) => readAttribute(join(folder, name, 'targetname'))),
  );
  return names.filter((_, index) => targets[index] === target);
}

/** Returns whether a target does not answer at any of its addresses: it has sessions, but none of them is logged in. */
export async function isSilent(target: string, root = '/'): Promise<boolean> {
  const sessions = await readSessions(target, root);
  const states = await Promise.all(
    sessions.map((name) => readAttribute(join(root, 'sys/class/iscsi_session', name, 'state'))),
  );
  return states.length > 0 && !states.includes('LOGGED_IN');
}

/**
 * Logs in to a target at each of its addresses, and waits for its disks. The service iscsid must run.
 * @throws CommandError, StorageError if no address answers or no disk appears
 */
export async function logIn({ target, portals }: Target, signal?: AbortSignal): Promise<void> {
  const patience = portals.length > 1 ? FAIL_OVER : FOR_EVER;
  if ((await readSessions(target)).length < portals.length) {
    const outcomes = await Promise.allSettled(
      portals.map((portal) => logInAt({ target, portal, patience }, signal)),
    );
    const [failed] = outcomes.filter(({ status }) => status === 'rejected');
    const isIn = outcomes.some(({ status }) => status === 'fulfilled');
    if (!isIn && failed?.status === 'rejected') throw failed.reason;
  }
  const end = performance.now() + DISKS_LIMIT;
  while (!(await hasDisks(target))) {
    if (performance.now() > end) {
      throw new StorageError({ what: `${target} gives this host no disk` });
    }
    await wait(PAUSE, undefined, { signal });
  }
}

async function logInAt(
  { target, portal, patience }: { target: string; portal: string; patience: string },
  signal?: AbortSignal,
): Promise<void> {
  const node = ['-m', 'node', '-T', target, '-p', portal];
  await iscsiadm([...node, '-o', 'new'], [], signal);
  await iscsiadm([...node, '-o', 'update', '-n', TIMEOUT, '-v', patience], [], signal);
  await iscsiadm([...node, '--login'], [SESSION_EXISTS], signal);
}

/** Ends all sessions with a target. @throws CommandError if it is in use */
export async function logOut(target: string, signal?: AbortSignal): Promise<void> {
  const node = ['-m', 'node', '-T', target];
  await iscsiadm([...node, '--logout'], [NOTHING_FOUND], signal);
  await iscsiadm([...node, '-o', 'delete'], [NOTHING_FOUND], signal);
}

async function iscsiadm(
  args: readonly string[],
  passing: readonly number[],
  signal?: AbortSignal,
): Promise<void> {
  try {
    await run('iscsiadm', args, { timeout: LOGIN_LIMIT, signal });
  } catch (error) {
    if (!(error instanceof CommandError) || !passing.includes(error.exitCode ?? -1)) throw error;
  }
}

/** Returns whether a session of the target has a disk: `sessionN/device/targetH:B:T/H:B:T:L/block/sdX`. */
async function hasDisks(target: string): Promise<boolean> {
  return (await readTargetDisks(target)).length > 0;
}

/** Reads the names of the disks that a target provides, such as `sdb`. */
export async function readTargetDisks(target: string, root = '/'): Promise<string[]> {
  const disks: string[] = [];
  for (const session of await readSessions(target, root)) {
    const device = join(root, 'sys/class/iscsi_session', session, 'device');
    for (const one of (await readNames(device)).filter((name) => name.startsWith('target'))) {
      for (const unit of await readNames(join(device, one))) {
        disks.push(...(await readNames(join(device, one, unit, 'block'))));
      }
    }
  }
  return disks.sort();
}

/** The multipath devices that consist of the disks of a target. */
export interface TargetMultipaths {
  /** Names of the multipath devices, such as `dm-0`. */
  devices: string[];
  /** Names of the disks that are not part of a multipath device. */
  without: string[];
}

/** Reads the multipath devices of the disks that a target provides. */
export async function readTargetMultipaths(target: string, root = '/'): Promise<TargetMultipaths> {
  const devices = new Set<string>();
  const without: string[] = [];
  for (const disk of await readTargetDisks(target, root)) {
    const device = await readMultipathOf(disk, root);
    if (device === undefined) without.push(disk);
    else devices.add(device);
  }
  return { devices: [...devices].sort(), without };
}

async function readMultipathOf(disk: string, root: string): Promise<string | undefined> {
  const folder = join(root, 'sys/class/block');
  for (const holder of await readNames(join(folder, disk, 'holders'))) {
    const id = await readAttribute(join(folder, holder, 'dm/uuid'));
    if (id?.startsWith('mpath-') === true) return holder;
  }
  return undefined;
}

/**
 * Waits until each disk that a target provides is part of a multipath device. The service multipathd must run.
 * @returns the names of the multipath devices
 * @throws StorageError if a disk stays on its own
 */
export async function awaitTargetMultipaths(
  target: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const end = performance.now() + DISKS_LIMIT;
  for (;;) {
    const { devices, without } = await readTargetMultipaths(target);
    if (without.length === 0) return devices;
    if (performance.now() > end) {
      throw new StorageError({
        what: `no multipath device contains ${without.join(', ')} of ${target}`,
        fix: 'Check that the target answers at two or more of its addresses. See the paths with: multipath -ll',
      });
    }
    await wait(PAUSE, undefined, { signal });
  }
}
