import { randomUUID } from 'node:crypto';
import { startImage } from '../../apps/disk/start-image.ts';
import { type Staging, stage } from '../../apps/update/stage.ts';
import { systemClock } from '../../apps/watch/clock.ts';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import { writeBootState } from '../../build/disk/boot-state.ts';
import { deriveGuids } from '../../build/disk/derived-guid.ts';
import type { DiskLayout, Slot } from '../../build/disk/layout.ts';
import { planLayout } from '../../build/disk/plan-layout.ts';
import type { SlotTrailer } from '../../build/disk/slot-trailer.ts';
import { writeInstalledDisk } from '../../build/disk/write-installed-disk.ts';
import type { Release } from '../../build/release/release.ts';
import { Random } from '../fuzz/random.ts';
import { installRequest, trailerOf } from '../unit/disk/installed.ts';
import type { Story } from './cut.ts';
import { bootOnce, partOf } from './grub.ts';
import { RecordingDevice, type Sectors } from './sectors.ts';

const MIB = 1024 * 1024;
export const SECTOR_SIZES = [512, 4096] as const;
/** Not a multiple of the sector size, and larger than one piece of the writer. */
const IMAGE_BYTES = MIB + 300_001;

export const IMAGES = { one: noise(1), two: noise(2), three: noise(3) } as const;
export type ImageName = keyof typeof IMAGES;

function noise(seed: number): Buffer {
  const random = new Random(seed);
  const bytes = Buffer.alloc(IMAGE_BYTES);
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(random.below(2 ** 32), at);
  return bytes;
}

/** Returns the size and the layout of a small disk. */
export function smallDisk(
  sectorSize: number,
  newGuid: () => string = randomUUID,
): {
  shape: { bytes: number; sectorSize: number };
  layout: DiskLayout;
} {
  const shape = { bytes: 640 * MIB, sectorSize };
  const layout = planLayout({
    ...shape,
    labelPrefix: 'QUANTIX',
    imageBytes: IMAGE_BYTES,
    slotBytes: 4 * MIB,
    data: 'rest',
    bios: true,
    newGuid,
  });
  return { shape, layout };
}

/** Returns the trailer of an image. */
export function trailer(name: ImageName): SlotTrailer {
  return trailerOf(IMAGES[name], `0.${Object.keys(IMAGES).indexOf(name)}.0`);
}

/** Writes an installed disk, with markers in place of file systems. */
export async function install(
  device: BlockDevice,
  layout: DiskLayout,
  name: ImageName,
): Promise<void> {
  const request = installRequest(layout, {
    image: IMAGES[name],
    makeFileSystem: async ({ offset, role }) =>
      device.write(offset, Buffer.alloc(8192, `file system for ${role} `)),
  });
  await writeInstalledDisk(device, { ...request, trailer: trailer(name) });
}

/** Writes an installed disk over another one, keeping configuration and data. */
export async function reinstall(
  device: BlockDevice,
  layout: DiskLayout,
  name: ImageName,
): Promise<void> {
  const request = installRequest(layout, { image: IMAGES[name] });
  await writeInstalledDisk(device, { ...request, trailer: trailer(name) });
}

/** The steps of an update, each of which a planted bug may replace. */
export interface Updater {
  stage(
    device: BlockDevice,
    layout: DiskLayout,
    to: { slot: Slot; name: ImageName },
  ): Promise<void>;
  writeState: typeof writeBootState;
}

/** The steps of `qx-update`. */
export const RIGHT: Updater = {
  async stage(device, layout, { slot, name }) {
    const image = IMAGES[name];
    const staging: Staging = {
      target: { efi: partOf(device, layout, 'efi'), slot: partOf(device, layout, slot) },
      accepted: { release: releaseOf(name), envelope: `signed ${name}` },
      source: {
        name: 'memory',
        async *openImage(_, { offset }) {
          for (let at = offset; at < image.length; at += 100_000) {
            yield image.subarray(at, at + 100_000);
          }
        },
      },
      clock: systemClock,
      signal: new AbortController().signal,
      flushEvery: 400_000,
      pieceBytes: 150_000,
    };
    await stage(staging);
  },
  writeState: writeBootState,
};

function releaseOf(name: ImageName): Release {
  const { product, version, base, architecture, buildId, imageBytes, sha256 } = trailer(name);
  return {
    ...{ format: 1, product, version, base, architecture, buildId, channel: 'stable' },
    ...{ serial: 1, floor: 0, issued: '2026-01-01T00:00:00Z', expires: '2027-01-01T00:00:00Z' },
    image: { path: `images/${sha256}.iso`, bytes: imageBytes, sha256 },
  };
}

/** Writes an image in pieces. */
export async function writeImage(part: BlockDevice, name: ImageName): Promise<void> {
  const image = IMAGES[name];
  for (let at = 0; at < image.length; at += 256 * 1024) {
    const piece = Buffer.alloc(
      Math.min(256 * 1024, Math.ceil((image.length - at) / part.sectorSize) * part.sectorSize),
    );
    image.copy(piece, 0, at);
    await part.write(at, piece);
  }
}

/** State of a disk in its life cycle. */
interface Standing {
  good: { slot: Slot; name: ImageName };
}

/** Performs the operations of a story on a disk. */
export class StoryRunner {
  readonly device: RecordingDevice;
  readonly layout: DiskLayout;
  readonly updater: Updater;

  constructor(device: RecordingDevice, layout: DiskLayout, updater: Updater = RIGHT) {
    this.device = device;
    this.layout = layout;
    this.updater = updater;
  }

  get efi(): BlockDevice {
    return partOf(this.device, this.layout, 'efi');
  }

  /** Writes an image to the slot that is not confirmed, and activates it. */
  async update({ good }: Standing, name: ImageName): Promise<{ slot: Slot; name: ImageName }> {
    const to = { slot: good.slot === 'a' ? 'b' : 'a', name } as const;
    this.device.mark(good.name);
    await this.updater.writeState(this.efi, { good: good.slot, trial: null, left: 0 });
    await this.updater.stage(this.device, this.layout, to);
    this.device.mark(good.name, name);
    await this.updater.writeState(this.efi, { good: good.slot, trial: to.slot, left: 3 });
    return to;
  }

  async confirm({ slot, name }: { slot: Slot; name: ImageName }): Promise<Standing> {
    await this.updater.writeState(this.efi, { good: slot, trial: null, left: 0 });
    this.device.mark(name);
    return { good: { slot, name } };
  }

  async boot(): Promise<Slot | null> {
    return bootOnce(this.device, this.layout);
  }

  /** Writes to the configuration as ext4 does: out of order, and flushed occasionally. */
  async changeConfiguration(): Promise<void> {
    const part = partOf(this.device, this.layout, 'configuration');
    for (const at of [64, 3, 900, 64, 12, 7]) {
      await part.write(at * 4096, Buffer.alloc(4096, `change at ${at} `));
      if (at === 900) await part.flush();
    }
    await part.flush();
  }
}

/** The initial disk of stories about updates, made once per sector size. */
const installed = new Map<number, Promise<{ sectors: Sectors } & ReturnType<typeof smallDisk>>>();

function installedDisk(sectorSize: number) {
  const made = installed.get(sectorSize) ?? makeInstalled(sectorSize);
  installed.set(sectorSize, made);
  return made;
}

async function makeInstalled(sectorSize: number) {
  const { shape, layout } = smallDisk(sectorSize);
  const device = new RecordingDevice(shape);
  await install(device, layout, 'one');
  return { sectors: device.sectors, shape, layout };
}

/** Makes a story that begins with an installed disk, whose slot A has image `one`. */
export async function tell(
  sectorSize: number,
  story: (teller: StoryRunner) => Promise<void>,
  { updater, keeps = true }: { updater?: Updater | undefined; keeps?: boolean } = {},
): Promise<Story> {
  const { sectors, shape, layout } = await installedDisk(sectorSize);
  const device = new RecordingDevice(shape, sectors);
  device.mark('one');
  await story(new StoryRunner(device, layout, updater));
  return storyOf(device, layout, { start: sectors, keeps });
}

/** The story of an installation onto an empty disk. */
export async function tellInstall(sectorSize: number): Promise<Story> {
  const { shape, layout } = smallDisk(sectorSize);
  const device = new RecordingDevice(shape);
  device.mark(null, 'one');
  await install(device, layout, 'one');
  device.mark('one');
  await device.flush();
  return storyOf(device, layout, { start: new Map(), keeps: false });
}

/** The story of a disk image's first start, on a disk that is larger than the image. */
export async function tellFirstStart(sectorSize: number): Promise<Story> {
  const { shape, layout } = smallDisk(sectorSize, deriveGuids('image'));
  const image = new RecordingDevice(shape);
  await install(image, layout, 'one');
  const device = new RecordingDevice({ sectorSize, bytes: shape.bytes + 64 * MIB }, image.sectors);
  device.mark('one');
  await startImage(device, async ({ offset }) => {
    await device.write(offset, Buffer.alloc(8192, 'new file system '));
    await device.flush();
  });
  return storyOf(device, layout, { start: image.sectors, keeps: false });
}

function storyOf(
  device: RecordingDevice,
  layout: DiskLayout,
  { start, keeps }: { start: Sectors; keeps: boolean },
): Story {
  const { boot } = installRequest(layout);
  const file = (path: string) => ({ path, bytes: Buffer.from(boot.efi.get(path) ?? '') });
  return {
    shape: { bytes: device.bytes, sectorSize: device.sectorSize },
    layout,
    start,
    operations: device.operations,
    images: IMAGES,
    known: {
      loader: file('/EFI/BOOT/BOOTX64.EFI'),
      config: file('/grub/grub.cfg'),
      afterShim: [],
      core: boot.bios === undefined ? undefined : coreOf(boot.bios.core),
    },
    keeps,
  };
}

function coreOf(core: Buffer): Buffer {
  const whole = Buffer.alloc(Math.ceil(core.length / 512) * 512);
  core.copy(whole);
  return whole;
}
