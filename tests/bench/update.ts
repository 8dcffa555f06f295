import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { RESERVED_BYTES } from '../../apps/update/progress-note.ts';
import { stage } from '../../apps/update/stage.ts';
import { systemClock } from '../../apps/watch/clock.ts';
import { openOn, releaseOf } from '../unit/apps/update/world.ts';
import { DISK_BYTES, install } from '../unit/disk/installed.ts';
import { MemoryDevice } from '../unit/disk/memory-device.ts';
import { type Figure, median, secondsOf } from './measure.ts';

const MIB = 1024 * 1024;

/** Measures how long an image takes into a slot, checked, beside `dd` writing the same bytes and reading them back. */
export async function measureUpdate(image: string, runs: number): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const { size: bytes } = await stat(image);
    const hash = createHash('sha256');
    for await (const piece of createReadStream(image)) hash.update(piece);
    const sha256 = hash.digest('hex');
    const accepted = releaseOf(Buffer.alloc(1), {
      image: { path: `images/${sha256}.iso`, bytes, sha256 },
    });
    const slot = join(folder, 'slot');
    const ratios: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const plain = await secondsOf(async () => {
        await execa('dd', [`if=${image}`, `of=${slot}`, 'bs=4M', 'conv=fsync']);
        await execa('dd', [`if=${slot}`, 'of=/dev/null', 'bs=4M', 'iflag=direct']);
      });
      await rm(slot);
      await writeFile(slot, '');
      await truncate(slot, Math.ceil(bytes / MIB) * MIB + RESERVED_BYTES);
      const disk = new MemoryDevice(DISK_BYTES, 512);
      const { efi } = openOn(disk, await install(disk), 'a');
      await using target = await openBlockDevice(slot, { write: true });
      const staging = await secondsOf(() =>
        stage({
          target: { efi, slot: target },
          accepted,
          source: {
            name: image,
            openImage: (_release, { offset }) =>
              createReadStream(image, { start: offset, highWaterMark: 4 * MIB }),
          },
          clock: systemClock,
          signal: new AbortController().signal,
        }),
      );
      ratios.push(staging / plain);
    }
    const note = `${(bytes / 1e6).toFixed(0)} MB`;
    return [
      { what: 'update: write and check', value: median(ratios), limit: 1.3, unit: '×', note },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
