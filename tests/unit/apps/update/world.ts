import { createHash, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Running } from '../../../../apps/update/accept.ts';
import type { OpenInstallation } from '../../../../apps/update/installation.ts';
import type { Source } from '../../../../apps/update/source.ts';
import type { Accepted } from '../../../../apps/update/stage.ts';
import type { Machine } from '../../../../apps/update/standing.ts';
import type { Clock } from '../../../../apps/watch/clock.ts';
import { type BlockDevice, sliceDevice } from '../../../../build/disk/block-device.ts';
import { readBootState, writeBootState } from '../../../../build/disk/boot-state.ts';
import { chooseSlot } from '../../../../build/disk/choose-slot.ts';
import { type DiskLayout, findPartition, type Slot } from '../../../../build/disk/layout.ts';
import { seal } from '../../../../build/release/envelope.ts';
import { computeKeyId, type TrustedKey } from '../../../../build/release/keys.ts';
import type { Release } from '../../../../build/release/release.ts';
import { RELEASE_TYPE } from '../../../../build/release/sign.ts';
import { install } from '../../disk/installed.ts';

const { privateKey } = generateKeyPairSync('ed25519');

/** The key that releases of these tests are signed with. */
export const KEY: TrustedKey = {
  name: 'tests',
  id: computeKeyId(privateKey),
  key: createPublicKey(privateKey),
};

export const RUNNING: Running = {
  product: 'quantix-os',
  version: '0.1.0',
  base: 'alpine',
  architecture: 'x86_64',
};

/** An image in which all sectors differ. */
export function imageOf(version: string, bytes = 300_000): Buffer {
  const image = Buffer.alloc(bytes);
  for (let at = 0, number = 0; at < bytes; at += 32, number += 1) {
    createHash('sha256').update(`${version} ${number}`).digest().copy(image, at);
  }
  return image;
}

/** A release of an image, signed. */
export function releaseOf(image: Buffer, changes: Partial<Release> = {}): Accepted {
  const sha256 = createHash('sha256').update(image).digest('hex');
  const release: Release = {
    ...RUNNING,
    format: 1,
    version: '0.2.0',
    channel: 'stable',
    buildId: '0123456789abcdef',
    serial: 2,
    floor: 0,
    issued: new Date(Date.now() - 60_000).toISOString(),
    expires: new Date(Date.now() + 86_400_000).toISOString(),
    image: { path: `images/${sha256}.iso`, bytes: image.length, sha256 },
    ...changes,
  };
  const payload = Buffer.from(JSON.stringify(release));
  return { release, envelope: seal(RELEASE_TYPE, payload, [privateKey]) };
}

/** A source with an image, which records the requested offsets. */
export function sourceOf(image: Buffer, piece = 50_000): Source & { asked: number[] } {
  const asked: number[] = [];
  return {
    name: 'the source',
    asked,
    readRelease: async () => '',
    async *openImage(_release, { offset }) {
      asked.push(offset);
      for (let at = offset; at < image.length; at += piece) {
        yield image.subarray(at, Math.min(at + piece, image.length));
      }
    },
  };
}

/** A clock whose sleeps end at once, and advance its time. */
export function hastyClock(): Clock & { slept: number[] } {
  let passed = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => Date.now() + passed,
    elapsed: () => passed,
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
      passed += milliseconds;
    },
  };
}

/** An installed disk, with the parts that an update uses. */
export interface World extends AsyncDisposable {
  layout: DiskLayout;
  configuration: string;
  /** Opens the parts of a disk that was booted from a slot. */
  open(booted: Slot, device?: BlockDevice): OpenInstallation;
  machine(changes?: Partial<Machine>): Machine & { told: string[]; restarts: number };
}

/** A disk with a version in slot A, and a folder in place of `/quantix`. @param more as for `install` */
export async function worldOn(
  device: BlockDevice,
  more: Parameters<typeof install>[1] = {},
): Promise<World> {
  const layout = await install(device, more);
  const configuration = await mkdtemp(join(tmpdir(), 'quantix-update-'));
  await mkdir(join(configuration, 'network'));
  await writeFile(join(configuration, 'network/eth0.conf'), 'METHOD=dhcp\n', { mode: 0o600 });
  await writeFile(join(configuration, 'hostname'), 'node7\n');
  return {
    layout,
    configuration,
    open: (booted, on = device) => openOn(on, layout, booted),
    machine: (changes) => {
      const told: string[] = [];
      const machine = {
        running: RUNNING,
        keys: [KEY],
        configuration,
        bootId: randomUUID(),
        clock: hastyClock(),
        told,
        tell: (line: string) => void told.push(line),
        restarts: 0,
        restart: async () => {
          machine.restarts += 1;
        },
        ...changes,
      };
      return machine;
    },
    [Symbol.asyncDispose]: () => rm(configuration, { recursive: true }),
  };
}

export function openOn(device: BlockDevice, layout: DiskLayout, booted: Slot): OpenInstallation {
  const slice = (role: 'efi' | Slot) => {
    const { offset, bytes } = findPartition(layout, role);
    return sliceDevice(device, offset, bytes);
  };
  return {
    booted,
    efi: slice('efi'),
    slots: { a: slice('a'), b: slice('b') },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Does what GRUB does: counts a start on trial, and boots a slot. @returns the slot, or null if none boots */
export async function boot(device: BlockDevice, layout: DiskLayout): Promise<Slot | null> {
  const { efi, slots } = openOn(device, layout, 'a');
  const isThere = async (slot: Slot) => (await slots[slot].read(0, 4096)).some((byte) => byte > 0);
  const present = { a: await isThere('a'), b: await isThere('b') };
  const { slot, state } = chooseSlot(await readBootState(efi), present, true);
  if (state !== undefined) await writeBootState(efi, state);
  return slot;
}
