import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Answer, answerFor } from '../../../../apps/installer/answer.ts';
import type { DiskFacts, MachineFacts } from '../../../../apps/installer/facts.ts';
import {
  install,
  type MachineOperations,
  type Progress,
} from '../../../../apps/installer/install.ts';
import { type InstallPlan, planInstall } from '../../../../apps/installer/plan.ts';
import { findSignatures } from '../../../../apps/installer/signatures.ts';
import { sliceDevice } from '../../../../build/disk/block-device.ts';
import { readBootState } from '../../../../build/disk/boot-state.ts';
import { readGpt } from '../../../../build/disk/gpt.ts';
import { findPartition } from '../../../../build/disk/layout.ts';
import { readTrailer } from '../../../../build/disk/slot-trailer.ts';
import { SYSTEMS, writeSignatures } from './dirty.ts';
import { counting, disk, GIB, MIB, machineWith } from './machines.ts';
import { MemoryDisk } from './memory-disk.ts';

const IMAGE = Buffer.alloc(3 * MIB + 2048, 'an image of the system ');
const SERIAL = 'S45PNA0M500001';

/** A machine with one disk in memory. */
class World {
  readonly device: MemoryDisk;
  readonly done: string[] = [];
  holders: string[] = [];
  image: readonly Buffer[] = [IMAGE.subarray(0, MIB), IMAGE.subarray(MIB)];

  constructor(sectorSize = 512, device = new MemoryDisk(20 * GIB, sectorSize)) {
    this.device = device;
  }

  async look(): Promise<MachineFacts> {
    const table = await readGpt(this.device);
    const partitions = table?.partitions ?? [];
    const facts: DiskFacts = disk({
      bytes: this.device.bytes,
      sectorSize: this.device.sectorSize,
      guid: table?.guid ?? null,
      partitions,
      holders: this.holders,
      contents: await findSignatures(this.device, partitions),
    });
    const machine = machineWith([facts]);
    machine.image.bytes = IMAGE.length;
    return machine;
  }

  async plan(changes: Partial<Answer> = {}): Promise<InstallPlan> {
    const answer = { ...answerFor({ serial: SERIAL, pick: 'one' }), erase: SERIAL, ...changes };
    const planned = planInstall(await this.look(), answer, counting());
    if ('plan' in planned) return planned.plan;
    throw new Error(planned.reasons.join('\n'));
  }

  get operations(): MachineOperations {
    return {
      readMachine: () => this.look(),
      release: async (holder) => {
        this.done.push(`release ${holder}`);
        this.holders = this.holders.filter((one) => one !== holder);
      },
      claim: async () => this.device,
      checkMedium: async () => undefined,
      readImage: async function* (this: World) {
        yield* this.image;
      }.bind(this),
      readBootFiles: async () => ({
        efi: new Map([
          ['/EFI/BOOT/BOOTX64.EFI', Buffer.alloc(5000, 1)],
          ['/grub/grub.cfg', Buffer.from('# GRUB')],
        ]),
        bios: { boot: bootSector(), core: Buffer.alloc(30_000, 2) },
      }),
      makeFileSystem: async (_, { name, offset }) => {
        this.device.put(offset + 1080, Buffer.from('53ef', 'hex'));
        this.done.push(`make ${name}`);
      },
      putFiles: async (_, { name }, files) =>
        void this.done.push(`${name}: ${[...files.keys()].join(' ')}`),
    };
  }

  async install(plan: InstallPlan, signal = new AbortController().signal): Promise<Progress[]> {
    const told: Progress[] = [];
    const { product, version } = (await this.look()).image;
    await install({
      plan,
      trailer: {
        product,
        version,
        base: 'debian',
        architecture: 'x86_64',
        buildId: 'abc',
        imageBytes: IMAGE.length,
      },
      operations: this.operations,
      files: new Map([['hostname', Buffer.from('node7\n')]]),
      epoch: 0,
      onProgress: (progress) => told.push(progress),
      signal,
    });
    return told;
  }
}

function bootSector(): Buffer {
  const sector = Buffer.alloc(512, 0x90);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

describe.each([512, 4096])('on sectors of %i bytes', (sectorSize) => {
  test('the image, its trailer, the boot state and the configuration are on the disk', async () => {
    const world = new World(sectorSize);
    const plan = await world.plan();
    const told = await world.install(plan);
    const { device } = world;
    const slot = findPartition(plan.layout, 'a');
    expect((await device.read(slot.offset, 4 * MIB)).subarray(0, IMAGE.length)).toEqual(IMAGE);
    const trailer = await readTrailer(sliceDevice(device, slot.offset, slot.bytes));
    expect(trailer?.sha256).toBe(createHash('sha256').update(IMAGE).digest('hex'));
    const efi = findPartition(plan.layout, 'efi');
    const state = await readBootState(sliceDevice(device, efi.offset, efi.bytes));
    expect(state).toEqual({ good: 'a', trial: null, left: 0 });
    expect(world.done).toEqual(['make QUANTIX-CFG', 'QUANTIX-CFG: hostname', 'make QUANTIX-DATA']);
    const steps = [...new Set(told.map(({ step }) => step))];
    expect(steps).toEqual([
      'look',
      'read',
      'wipe',
      'file-systems',
      'image',
      'table',
      'verify',
      'boot',
      'finish',
    ]);
  });

  test('no trace of an earlier system is left', async () => {
    const world = new World(sectorSize);
    const whole = { offset: 0, bytes: world.device.bytes };
    const within = { offset: 5 * GIB, bytes: 10 * GIB };
    for (const system of SYSTEMS) writeSignatures(world.device, system, whole);
    await world.install(await world.plan());
    const names = (await findSignatures(world.device, [within])).map(({ name }) => name);
    expect([...new Set(names)]).toEqual(['GPT']);
  });

  test('a second installation keeps the configuration and data partitions', async () => {
    const world = new World(sectorSize);
    const first = await world.plan();
    await world.install(first);
    const { offset } = findPartition(first.layout, 'configuration');
    world.device.put(offset + MIB, Buffer.from('kept'));
    world.done.length = 0;
    const second = await world.plan({ erase: undefined });
    expect(second.kind).toBe('reinstall');
    await world.install(second);
    expect(world.done).toEqual([]);
    expect(second.layout).toEqual(first.layout);
    expect((await world.device.read(offset + MIB, 4096)).subarray(0, 4).toString()).toBe('kept');
  });
});

test('RAID and volumes on the disk are stopped before it is written', async () => {
  const world = new World();
  world.holders = ['dm-1', 'md0'];
  await world.install(await world.plan());
  expect(world.done.slice(0, 2)).toEqual(['release dm-1', 'release md0']);
});

describe('nothing is written', () => {
  test('if the path now belongs to another disk, or the disk has new content', async () => {
    const world = new World();
    const plan = await world.plan();
    const swapped = { ...plan, disk: { ...plan.disk, serial: 'another' } };
    await expect(world.install(swapped)).rejects.toThrow(
      /is another disk than when this was planned/,
    );
    world.device.put(1024 + 56, Buffer.from('53ef', 'hex'));
    await expect(world.install(plan)).rejects.toThrow(/is not as it was when this was planned/);
    expect((await findSignatures(world.device, [])).map(({ name }) => name)).toEqual(['ext']);
  });

  test('if another disk gets the path while the medium is read', async () => {
    const world = new World();
    const plan = await world.plan();
    const { operations } = world;
    let isRead = false;
    const swapping = Object.create(world, {
      operations: {
        value: {
          ...operations,
          readMachine: async () => {
            const machine = await world.look();
            if (!isRead) return machine;
            return { ...machine, disks: machine.disks.map((one) => ({ ...one, serial: 'other' })) };
          },
          readImage: async function* () {
            yield* operations.readImage();
            isRead = true;
          },
        },
      },
    }) as World;
    await expect(swapping.install(plan)).rejects.toThrow(
      /is another disk than when this was planned \(other\)\. Nothing was written/,
    );
    expect(await readGpt(world.device)).toBeUndefined();
  });

  test('if the medium cannot be read to its end', async () => {
    const world = new World();
    writeSignatures(world.device, 'LVM', { offset: 0, bytes: GIB });
    const plan = await world.plan();
    const { operations } = world;
    const failing = Object.create(world, {
      operations: {
        value: {
          ...operations,
          readImage: async function* () {
            yield IMAGE.subarray(0, MIB);
            throw new Error('a scratch');
          },
        },
      },
    }) as World;
    await expect(failing.install(plan)).rejects.toThrow('a scratch');
    expect(await findSignatures(world.device, [])).not.toEqual([]);
  });

  test('if a file of the medium is damaged', async () => {
    const world = new World();
    const checkMedium = () => Promise.reject(new Error('/boot/vmlinuz is not as it was made'));
    const failing = Object.create(world, {
      operations: { value: { ...world.operations, checkMedium } },
    }) as World;
    await expect(failing.install(await world.plan())).rejects.toThrow('/boot/vmlinuz');
    expect(await readGpt(world.device)).toBeUndefined();
  });

  test('if it is cancelled in time', async () => {
    const world = new World();
    await expect(world.install(await world.plan(), AbortSignal.abort())).rejects.toThrow();
    expect(await readGpt(world.device)).toBeUndefined();
  });
});

describe.each(['rest', 'none'] as const)(
  'a power cut while the configuration is written, with data: %s',
  (data) => {
    test('leaves an unfinished installation, which the next one completes', async () => {
      const world = new World();
      const { operations } = world;
      const cut = Object.create(world, {
        operations: {
          value: { ...operations, putFiles: () => Promise.reject(new Error('the power was cut')) },
        },
      }) as World;
      await expect(cut.install(await world.plan({ data }))).rejects.toThrow('the power was cut');
      world.done.length = 0;
      const plan = await world.plan({ data });
      expect(plan.kind).toBe('install');
      await world.install(plan);
      expect(world.done.slice(0, 2)).toEqual(['make QUANTIX-CFG', 'QUANTIX-CFG: hostname']);
      expect((await world.plan({ data })).kind).toBe('reinstall');
    });
  },
);

test('an image that changes between two reads leaves nothing bootable', async () => {
  const world = new World();
  const plan = await world.plan();
  let reads = 0;
  Object.defineProperty(world, 'image', {
    get: () => {
      reads += 1;
      return reads === 1 ? [IMAGE] : [IMAGE.subarray(0, MIB), Buffer.alloc(IMAGE.length - MIB)];
    },
  });
  await expect(world.install(plan)).rejects.toThrow(/not the one that was announced/);
  const slot = findPartition(plan.layout, 'a');
  expect(await readTrailer(sliceDevice(world.device, slot.offset, slot.bytes))).toBeUndefined();
  const record = await world.device.read(0, 512);
  expect(record.subarray(0, 440).every((byte) => byte === 0)).toBe(true);
});
