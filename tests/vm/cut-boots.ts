import { mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { must } from '../../build/error.ts';
import { findBadLines } from '../../build/qemu/bad-lines.ts';
import { extractDirectBoot } from '../../build/qemu/direct-boot.ts';
import type { Medium } from '../../build/qemu/machine.ts';
import { type DiskRecording, writeCutDisk } from '../power-cuts/cut-disk.ts';
import { WriteLog } from '../power-cuts/write-log.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { boot, imageOf, type Story, untilReady } from './story.ts';

/** Partitions of a disk on which QvDC stores everything: label and UUID of the file system, first byte and bytes. */
const CONFIGURATION = {
  ...{ label: 'QVDC-CFG', uuid: '6b6f6e66-6967-4752-8174-696f6e000001' },
  ...{ offset: 2 ** 20, bytes: 64 * 2 ** 20 },
};
const DATA = {
  ...{ label: 'QVDC-DATA', uuid: '6b6f6e66-6967-4752-8174-696f6e000002' },
  ...{ offset: 65 * 2 ** 20, bytes: 2 * 2 ** 30 },
};
const PARTITIONS = [CONFIGURATION, DATA];

/** Names the partition for configuration: one on another disk than the system is trusted only if it is named. */
const PARAMETERS = `quantix.config=UUID=${CONFIGURATION.uuid}`;

const SECTOR = 512;

/** Milliseconds for a test that boots once. */
export const CUT = 900_000;

/** Number of cuts that are tried of each recording. `QUANTIX_POWER_CUTS=20` tries all, which takes long. */
const TRIED = Number(process.env.QUANTIX_POWER_CUTS ?? 4);

/** Chooses the cuts to try, evenly spread. */
export function chooseCuts<Cut>(cuts: readonly Cut[]): Cut[] {
  const every = cuts.length / TRIED;
  return Array.from({ length: TRIED }, (_, index) =>
    must(cuts[Math.floor((index + 0.5) * every)], 'cut'),
  );
}

/** Place of a power cut between two moments of a guest's work. */
export interface CutPlace {
  from: string;
  to: string;
  /** Share of the writes between these moments that are made before the cut, 0 to 1. */
  share: number;
  /** Seed that chooses which unflushed writes are lost; none are lost if absent. */
  seed?: number | undefined;
}

/** The recorded writes of a guest to its disk, from which a disk is made as a power cut leaves it. */
export class CutRecording {
  readonly #recording: DiskRecording;
  readonly #medium: (more: string) => Medium;
  /** Moment → number of entries of the log before it. */
  readonly #moments: ReadonlyMap<string, number>;

  private constructor(
    recording: DiskRecording,
    medium: (more: string) => Medium,
    moments: ReadonlyMap<string, number>,
  ) {
    this.#recording = recording;
    this.#medium = medium;
    this.#moments = moments;
  }

  /**
   * Boots QvDC with an empty disk for configuration and data, until its work is done; then QEMU is ended.
   * @param folder folder for the recording
   * @param scripts shell scripts that the guest finds in /data: name → text; `look` is for `bootAfter`
   * @param work calls `mark` at moments between which the power is cut
   * @param find further moments: name of the moment → text that is written at this moment
   */
  static async make(
    name: string,
    {
      folder,
      scripts,
      find = {},
    }: {
      folder: string;
      scripts: { look: string } & Record<string, string>;
      find?: Record<string, string>;
    },
    work: (story: Story, mark: (moment: string) => Promise<void>) => Promise<void>,
  ): Promise<CutRecording> {
    const [start, file, log] = ['start.img', 'disk.img', 'writes.log'].map((one) =>
      join(folder, one),
    ) as [string, string, string];
    await makeDisk(start, folder, scripts);
    await execa('cp', ['--sparse=always', start, file]);
    await writeFile(log, '');
    const medium = await extractDirectBoot(folder, imageOf('qvdc').iso);
    const sizes = new Map<string, number>();
    {
      const disk = { file, format: 'raw', bus: 'virtio', writeLog: { file: log } } as const;
      const machine = { firmware: 'bios', medium: medium(PARAMETERS), disks: [disk] } as const;
      await using story = await boot(name, machine, 'nobody');
      await work(story, async (moment) => {
        sizes.set(moment, (await stat(log)).size);
      });
    }
    using written = new WriteLog(log);
    const entries = [...written.entries()];
    const moments = new Map(
      [...sizes].map(([moment, size]) => [moment, entries.filter(({ end }) => end <= size).length]),
    );
    for (const [moment, text] of Object.entries(find)) {
      const place = entries.findIndex(
        ({ data, bytes }) => data !== null && written.read(data, bytes).includes(text),
      );
      expect(place, `${text} is written`).toBeGreaterThan(-1);
      moments.set(moment, place);
    }
    const recording = { start, log };
    // The log must be complete: a disk made from an incomplete log would not be that of a power cut.
    const whole = join(folder, 'whole.img');
    await writeCutDisk(recording, { entries: entries.length }, whole);
    await execa('cmp', [whole, file]);
    return new CutRecording(recording, medium, moments);
  }

  /**
   * Cuts the power at a place, and boots from the disk that is left, without firmware and boot loader, until QvDC is
   * ready. The guest then runs the script `look` by itself, and has no consoles, because these take as much time of an
   * emulated processor as the services.
   * @param args arguments of the script `look`
   * @returns the output of this script
   */
  async bootAfter({ from, to, share, seed }: CutPlace, name: string, args = ''): Promise<string> {
    const [first, last] = [from, to].map((moment) => must(this.#moments.get(moment), moment));
    const entries = must(first, from) + Math.floor(share * (must(last, to) - must(first, from)));
    const file = join(await temporaryFolder(), 'disk.img');
    await writeCutDisk(this.#recording, { entries, seed }, file);
    const disk = { file, format: 'raw', bus: 'virtio' } as const;
    const machine = {
      firmware: 'bios',
      medium: this.#medium(`${PARAMETERS} init=/bin/sh`),
      disks: [disk],
    } as const;
    await using story = await boot(name, machine, 'nobody');
    const { guest } = story;
    await guest.waitFor(/# $/);
    const { mark } = guest;
    const steps = [
      'export PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'until grep -q -s -x ready /run/quantix-vdc/state; do sleep 1; done',
      "until dmesg | grep -q ': ready '; do sleep 1; done",
      `told=$(sh /data/look ${args})`,
      'echo "[told $?] $told [end]"',
    ];
    const look = `(${steps.join('; ')}) </dev/null >/dev/console 2>&1 &`;
    guest.type(`sed -i /:respawn:/d /etc/inittab; ${look} exec /sbin/init`);
    await untilReady(story);
    const [, status, told = ''] = await guest.waitFor(/\[told (\d+)\] (.*?) \[end\]/s, mark);
    expect(status, guest.log.slice(mark)).toBe('0');
    expect(findBadLines(guest.log.slice(mark))).toEqual([]);
    return told;
  }
}

/** Makes a disk with partitions for configuration and data, and scripts on the latter. */
async function makeDisk(
  file: string,
  folder: string,
  scripts: Record<string, string>,
): Promise<void> {
  const content = join(folder, 'content');
  await mkdir(content);
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(content, name), text);
  // A master boot record: entries of 16 bytes from byte 446, with type 83 (Linux), first sector and sectors.
  const table = Buffer.alloc(SECTOR);
  for (const [index, { offset, bytes }] of PARTITIONS.entries()) {
    const entry = 446 + index * 16;
    table.writeUInt8(0x83, entry + 4);
    table.writeUInt32LE(offset / SECTOR, entry + 8);
    table.writeUInt32LE(bytes / SECTOR, entry + 12);
  }
  table.writeUInt16LE(0xaa55, SECTOR - 2);
  await writeFile(file, table);
  await truncate(file, Math.max(...PARTITIONS.map(({ offset, bytes }) => offset + bytes)));
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  for (const partition of PARTITIONS) {
    const { label, uuid, offset, bytes } = partition;
    const named = ['-L', label, '-U', uuid];
    const filled = partition === DATA ? ['-d', content] : [];
    const place = ['-E', `offset=${offset}`, file, `${bytes / 1024}k`];
    await execa('mkfs.ext4', ['-q', '-F', ...named, ...filled, ...place], { env });
  }
}
