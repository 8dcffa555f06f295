import { expect, test } from 'vitest';
import { startImage } from '../../../apps/disk/start-image.ts';
import { readBootState } from '../../../build/disk/boot-state.ts';
import { readGpt } from '../../../build/disk/gpt.ts';
import { readLayout } from '../../../build/disk/read-layout.ts';
import { CutFinding, cutEverywhere, type Story } from '../../power-cuts/cut.ts';
import { bootOnce, partOf } from '../../power-cuts/grub.ts';
import { RecordingDevice, type Sectors } from '../../power-cuts/sectors.ts';
import {
  install,
  RIGHT,
  reinstall,
  SECTOR_SIZES,
  type StoryRunner,
  tell,
  tellFirstStart,
  tellInstall,
} from '../../power-cuts/stories.ts';
import { BUGS } from '../../power-cuts/wrong.ts';

const A = { good: { slot: 'a', name: 'one' } } as const;

/** Stories that begin with an installed disk. */
const STORIES = {
  async reinstall({ device, layout }: StoryRunner) {
    device.mark('one', null, 'two');
    await reinstall(device, layout, 'two');
    device.mark('two');
    await device.flush();
  },
  async update(teller: StoryRunner) {
    const trial = await teller.update(A, 'two');
    await teller.boot();
    await teller.confirm(trial);
    await teller.boot();
  },
  async 'update and the next one, into the first slot'(teller: StoryRunner) {
    const good = await teller.confirm(await teller.update(A, 'two'));
    const trial = await teller.update(good, 'three');
    await teller.boot();
    await teller.confirm(trial);
  },
  async 'update that never gets well'(teller: StoryRunner) {
    await teller.update(A, 'two');
    for (let boots = 0; boots < 5; boots += 1) await teller.boot();
    teller.device.mark('one', 'two');
    await teller.device.flush();
    teller.device.mark('one');
    await teller.boot();
    await teller.device.flush();
  },
  async 'update taken back, and another'(teller: StoryRunner) {
    await teller.update(A, 'two');
    await teller.boot();
    await teller.updater.writeState(teller.efi, { good: 'a', trial: null, left: 0 });
    teller.device.mark('one');
    await teller.confirm(await teller.update(A, 'three'));
  },
  async 'configuration that changes around an update'(teller: StoryRunner) {
    await teller.changeConfiguration();
    const trial = await teller.update(A, 'two');
    await teller.changeConfiguration();
    await teller.boot();
    await teller.changeConfiguration();
    await teller.confirm(trial);
  },
  async 'going back to the version before'(teller: StoryRunner) {
    const good = await teller.confirm(await teller.update(A, 'two'));
    teller.device.mark(good.good.name, 'one');
    await teller.updater.writeState(teller.efi, { good: 'b', trial: 'a', left: 3 });
    await teller.boot();
    await teller.confirm({ slot: 'a', name: 'one' });
  },
} satisfies Readonly<Record<string, (teller: StoryRunner) => Promise<void>>>;

/** Number of cuts after each operation; 100,000 in all. */
const EACH = 155;

/** Performs a complete update on the disk that a cut has left. */
async function resume({ shape, layout }: Story, sectors: Sectors): Promise<void> {
  const device = new RecordingDevice(shape, sectors);
  const booted = await bootOnce(device, layout);
  const efi = partOf(device, layout, 'efi');
  if (booted === null) throw new Error('it boots nothing');
  const other = booted === 'a' ? 'b' : 'a';
  await RIGHT.writeState(efi, { good: booted, trial: null, left: 0 });
  await RIGHT.stage(device, layout, { slot: other, name: 'three' });
  await RIGHT.writeState(efi, { good: booted, trial: other, left: 3 });
  expect(await bootOnce(device, layout)).toBe(other);
  await RIGHT.writeState(efi, { good: other, trial: null, left: 0 });
  expect(await readBootState(efi)).toEqual({ good: other, trial: null, left: 0 });
}

/** Reinstalls on the disk that a cut has left, keeping configuration and data. */
async function reinstallOver({ shape, layout }: Story, sectors: Sectors): Promise<void> {
  const device = new RecordingDevice(shape, sectors);
  expect(await readLayout(device)).toEqual(layout);
  await reinstall(device, layout, 'two');
  expect(await bootOnce(device, layout)).toBe('a');
}

let total = 0;

for (const sectorSize of SECTOR_SIZES) {
  test(`${sectorSize} bytes: a power cut during an installation leaves either nothing that boots or the complete system`, async () => {
    const story = await tellInstall(sectorSize);
    total += await cutEverywhere(story, {
      each: EACH,
      seed: 1,
      resume: async (sectors) => {
        const device = new RecordingDevice(story.shape, sectors);
        await install(device, story.layout, 'one');
        expect(await bootOnce(device, story.layout)).toBe('a');
      },
    });
  });

  test(`${sectorSize} bytes: a power cut during the first start of a disk image leaves a disk that starts`, async () => {
    const story = await tellFirstStart(sectorSize);
    total += await cutEverywhere(story, {
      each: EACH,
      seed: 1,
      resume: async (sectors) => {
        const device = new RecordingDevice(story.shape, sectors);
        await startImage(device, async () => {});
        expect(await readGpt(device)).toMatchObject({ copy: 'primary', bothCopies: true });
      },
    });
  });

  for (const [name, told] of Object.entries(STORIES)) {
    test(`${sectorSize} bytes: a power cut during ${name} leaves either the old or the new system, complete`, async () => {
      const story = await tell(sectorSize, told, { keeps: !name.startsWith('configuration') });
      const goOn = name === 'reinstall' ? reinstallOver : resume;
      total += await cutEverywhere(story, {
        each: EACH,
        seed: 1,
        resume: (sectors) => goOn(story, sectors),
      });
    });
  }
}

for (const [bug, change] of Object.entries(BUGS)) {
  test(`a planted bug is found: ${bug}`, async () => {
    for (const sectorSize of SECTOR_SIZES) {
      const story = await tell(sectorSize, STORIES.update, { updater: { ...RIGHT, ...change } });
      await expect(cutEverywhere(story, { each: 60, seed: 1 })).rejects.toThrow(CutFinding);
    }
  });
}

test('more than 100,000 cuts were tried', () => {
  expect(total).toBeGreaterThan(100_000);
});
