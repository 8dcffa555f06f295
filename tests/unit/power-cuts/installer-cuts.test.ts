import { expect, test } from 'vitest';
import { wipeDisk } from '../../../apps/installer/wipe.ts';
import { cutEverywhere } from '../../power-cuts/cut.ts';
import { bootOnce } from '../../power-cuts/grub.ts';
import { RecordingDevice } from '../../power-cuts/sectors.ts';
import { install, SECTOR_SIZES, tell } from '../../power-cuts/stories.ts';

const { signal } = new AbortController();

test.each(SECTOR_SIZES)(
  '%i bytes: a power cut during an installation over an old system leaves that system, nothing that boots, or the complete new one',
  async (sectorSize) => {
    const story = await tell(
      sectorSize,
      async ({ device, layout }) => {
        device.mark('one', null, 'two');
        await wipeDisk(device, layout.partitions, signal);
        device.mark(null, 'two');
        await install(device, layout, 'two');
        device.mark('two');
        await device.flush();
      },
      { keeps: false },
    );
    const { shape, layout } = story;
    const cuts = await cutEverywhere(story, {
      each: 8,
      seed: 1,
      resumeEvery: 200,
      resume: async (sectors) => {
        const device = new RecordingDevice(shape, sectors);
        await wipeDisk(device, layout.partitions, signal);
        await install(device, layout, 'two');
        expect(await bootOnce(device, layout)).toBe('a');
      },
    });
    expect(cuts).toBeGreaterThan(500);
  },
  300_000,
);
