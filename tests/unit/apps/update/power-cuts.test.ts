import { expect, test } from 'vitest';
import { type Staging, stage } from '../../../../apps/update/stage.ts';
import type { BlockDevice } from '../../../../build/disk/block-device.ts';
import type { DiskLayout, Slot } from '../../../../build/disk/layout.ts';
import { readTrailer, writeTrailer } from '../../../../build/disk/slot-trailer.ts';
import { CutFinding, cutEverywhere, type Story } from '../../../power-cuts/cut.ts';
import { bootOnce, partOf } from '../../../power-cuts/grub.ts';
import { RecordingDevice, type Sectors } from '../../../power-cuts/sectors.ts';
import {
  IMAGES,
  type ImageName,
  RIGHT,
  SECTOR_SIZES,
  type StoryRunner,
  tell,
  trailer,
  type Updater,
} from '../../../power-cuts/stories.ts';
import { hastyClock, releaseOf, sourceOf } from './world.ts';

/** Number of cuts after each operation. */
const EACH = 100;

const A = { good: { slot: 'a', name: 'one' } } as const;
const RELEASES = {
  one: releaseOf(IMAGES.one),
  two: releaseOf(IMAGES.two),
  three: releaseOf(IMAGES.three),
};

interface To {
  slot: Slot;
  name: ImageName;
}

/** Stages an image as qx-update does, flushing often. */
async function staged(
  device: BlockDevice,
  layout: DiskLayout,
  { slot, name }: To,
  changes: Partial<Staging> = {},
): Promise<number[]> {
  const source = sourceOf(IMAGES[name], 100_000);
  await stage({
    target: { efi: partOf(device, layout, 'efi'), slot: partOf(device, layout, slot) },
    accepted: RELEASES[name],
    source,
    clock: hastyClock(),
    signal: new AbortController().signal,
    flushEvery: 400_000,
    pieceBytes: 200_000,
    ...changes,
  });
  return source.asked;
}

const OURS: Updater = {
  ...RIGHT,
  stage: async (device, layout, to) => void (await staged(device, layout, to)),
};

const STORIES = {
  async 'an update, tried and confirmed'(teller: StoryRunner) {
    const trial = await teller.update(A, 'two');
    await teller.boot();
    await teller.confirm(trial);
    await teller.boot();
  },
  async 'an update and the next one'(teller: StoryRunner) {
    const good = await teller.confirm(await teller.update(A, 'two'));
    await teller.confirm(await teller.update(good, 'three'));
  },
  async 'an update that is cancelled, another one in its place, and the first one again'(
    teller: StoryRunner,
  ) {
    const { device, layout } = teller;
    const cancel = new AbortController();
    const onProgress = (done: number) => void (done > 900_000 && cancel.abort());
    const changes = { signal: cancel.signal, onProgress };
    device.mark('one');
    await expect(staged(device, layout, { slot: 'b', name: 'two' }, changes)).rejects.toThrow();
    await staged(device, layout, { slot: 'b', name: 'three' });
    await teller.confirm(await teller.update(A, 'two'));
  },
};

/** Continues after a cut: one update after the other completes, and the last image is booted. */
async function resumeUpdates({ shape, layout }: Story, sectors: Sectors): Promise<void> {
  const device = new RecordingDevice(shape, sectors);
  const booted = await bootOnce(device, layout);
  if (booted === null) throw new Error('it boots nothing');
  const slot = booted === 'a' ? 'b' : 'a';
  const efi = partOf(device, layout, 'efi');
  await RIGHT.writeState(efi, { good: booted, trial: null, left: 0 });
  for (const name of ['two', 'three'] as const) {
    await staged(device, layout, { slot, name });
    expect((await readTrailer(partOf(device, layout, slot)))?.sha256).toBe(trailer(name).sha256);
    const content = await partOf(device, layout, slot).read(0, 1_310_720);
    expect(content.equals(IMAGES[name].subarray(0, content.length))).toBe(true);
  }
  await RIGHT.writeState(efi, { good: booted, trial: slot, left: 3 });
  expect(await bootOnce(device, layout)).toBe(slot);
}

let total = 0;

for (const sectorSize of SECTOR_SIZES) {
  test.each(Object.entries(STORIES))(
    `${sectorSize} bytes: a power cut during %s leaves either the old or the new system complete, and able to continue`,
    async (_name, told) => {
      const story = await tell(sectorSize, told, { updater: OURS });
      const resume = (sectors: Sectors) => resumeUpdates(story, sectors);
      total += await cutEverywhere(story, { each: EACH, seed: 3, resume, resumeEvery: 400 });
    },
  );
}

/** Updates like those of qx-update, each with one wrong step. */
const BUGS: Readonly<
  Record<string, (device: BlockDevice, layout: DiskLayout, to: To) => Promise<unknown>>
> = {
  'no flush': (device, layout, to) =>
    staged({ ...plain(device), flush: async () => undefined }, layout, to),
  'the trailer first': async (device, layout, to) => {
    await writeTrailer(partOf(device, layout, to.slot), trailer(to.name));
    await staged(device, layout, to);
  },
  'the trial before the image': async (device, layout, to) => {
    const good = to.slot === 'a' ? 'b' : 'a';
    const efi = partOf(device, layout, 'efi');
    await staged(device, layout, to, {
      onProgress: () => void RIGHT.writeState(efi, { good, trial: to.slot, left: 3 }),
    });
  },
};

function plain(device: BlockDevice): BlockDevice {
  const { bytes, sectorSize } = device;
  return {
    ...{ bytes, sectorSize, flush: () => device.flush() },
    read: (offset, length) => device.read(offset, length),
    write: (offset, data) => device.write(offset, data),
  };
}

test.each(Object.entries(BUGS))('a planted bug is found: %s', async (_name, wrong) => {
  const updater: Updater = { ...OURS, stage: async (...all) => void (await wrong(...all)) };
  const story = await tell(512, STORIES['an update, tried and confirmed'], { updater });
  await expect(cutEverywhere(story, { each: EACH, seed: 3 })).rejects.toThrow(CutFinding);
});

test('more than 20,000 cuts were tried', () => {
  expect(total).toBeGreaterThan(20_000);
});
