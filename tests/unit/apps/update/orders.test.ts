import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRecord } from '../../../../apps/update/record.ts';
import { stage } from '../../../../apps/update/stage.ts';
import { activate, computeLimits, rollBack, settle } from '../../../../apps/update/standing.ts';
import type { BlockDevice } from '../../../../build/disk/block-device.ts';
import { readBootState } from '../../../../build/disk/boot-state.ts';
import type { Slot } from '../../../../build/disk/layout.ts';
import { readTrailer } from '../../../../build/disk/slot-trailer.ts';
import { must } from '../../../../build/error.ts';
import { ExplainedError } from '../../../../build/explained-error.ts';
import { DISK_BYTES } from '../../disk/installed.ts';
import { MemoryDevice } from '../../disk/memory-device.ts';
import { boot, hastyClock, imageOf, RUNNING, releaseOf, sourceOf, worldOn } from './world.ts';

/** Events of a machine, which may happen in any order. */
const STEPS = [
  ...['stage', 'activate', 'roll back', 'roll back with configuration'],
  ...['restart', 'well', 'not well'],
] as const;
type Step = (typeof STEPS)[number];

/** Waits for a request of an operator, which may be refused with an ExplainedError. */
async function mayBeRefused(done: Promise<unknown>): Promise<void> {
  await done.catch((error: unknown) => {
    if (!(error instanceof ExplainedError)) throw error;
  });
}

/** A device whose power fails after a number of writes. */
function failingAfter(device: BlockDevice, writes: number): BlockDevice {
  let left = writes;
  return {
    bytes: device.bytes,
    sectorSize: device.sectorSize,
    read: (offset, length) => device.read(offset, length),
    write: async (offset, data) => {
      if (left-- <= 0) throw new PowerCut();
      await device.write(offset, data);
    },
    flush: () => device.flush(),
  };
}

class PowerCut extends Error {}

async function live(steps: readonly (readonly [Step, number])[]): Promise<void> {
  const device = new MemoryDevice(DISK_BYTES, 512);
  await using world = await worldOn(device);
  let running = '0.1.0';
  let booted: Slot = 'a';
  let [serial, floor] = [1, 0];
  const restart = async () => {
    const slot = await boot(device, world.layout);
    expect(slot).not.toBeNull();
    booted = slot ?? 'a';
    // Only a complete image is booted.
    const own = world.open(booted).slots[booted];
    const trailer = must(await readTrailer(own), 'trailer');
    const sectors = await own.read(0, Math.ceil(trailer.imageBytes / 512) * 512);
    const image = sectors.subarray(0, trailer.imageBytes);
    expect(createHash('sha256').update(image).digest('hex')).toBe(trailer.sha256);
    running = trailer.version;
  };
  for (const [step, writes] of steps) {
    const failing = failingAfter(device, writes);
    const disk = world.open(booted, failing);
    const other = booted === 'a' ? 'b' : 'a';
    const machine = world.machine({ running: { ...RUNNING, version: running } });
    const wanted = { minutes: 1, patience: 1, controlPlane: false, now: new Date() };
    const judged = (problems: readonly string[]) =>
      settle(machine, {
        open: async () => disk,
        probeFor: () => async () => problems,
        signal: new AbortController().signal,
      });
    try {
      switch (step) {
        case 'stage': {
          const state = await readBootState(disk.efi);
          if (state?.good !== booted) break;
          serial += 1;
          const version = `0.${serial}.0`;
          const image = imageOf(version, 100_000);
          await stage({
            target: { efi: disk.efi, slot: disk.slots[other] },
            accepted: releaseOf(image, { version, serial, floor: Math.floor(serial / 3) }),
            source: sourceOf(image),
            clock: hastyClock(),
            signal: new AbortController().signal,
            flushEvery: 30_000,
            pieceBytes: 20_000,
          });
          break;
        }
        case 'activate':
          await mayBeRefused(activate(machine, disk, { ...wanted, to: 'staged' }));
          break;
        case 'roll back':
          await mayBeRefused(rollBack(machine, disk, wanted));
          break;
        case 'roll back with configuration':
          await mayBeRefused(rollBack(machine, disk, { ...wanted, restoreConfiguration: true }));
          break;
        case 'restart':
          await restart();
          break;
        default:
          await judged(step === 'well' ? [] : ['qx-node is stopped']);
          if (machine.restarts > 0) await restart();
      }
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      await restart();
    }
    const limits = await computeLimits(world.machine(), world.open(booted));
    // The floor of confirmed releases never decreases.
    const { floor: kept } = await readRecord(world.configuration);
    expect(kept).toBeGreaterThanOrEqual(floor);
    expect(limits.floor).toBeGreaterThanOrEqual(kept);
    floor = kept;
  }
  // Without further events, the machine ends on a good slot, without a trial.
  for (let boots = 0; boots < 5; boots += 1) {
    await restart();
    const machine = world.machine({ running: { ...RUNNING, version: running } });
    await settle(machine, {
      open: async () => world.open(booted),
      probeFor: () => async () => [],
      signal: new AbortController().signal,
    });
  }
  expect(await readBootState(world.open(booted).efi)).toEqual({
    good: booted,
    trial: null,
    left: 0,
  });
  expect((await readRecord(world.configuration)).trial).toBeNull();
  const copies = await readdir(join(world.configuration, '.before')).catch(() => []);
  expect(copies).not.toContain('.exchanged');
}

test('after any order of commands and power cuts a complete system boots, floors only rise, and the state settles', async () => {
  const writes = fc.oneof(fc.nat(12), fc.constant(Number.POSITIVE_INFINITY));
  const steps = fc.array(fc.tuple(fc.constantFrom(...STEPS), writes), { maxLength: 14 });
  await fc.assert(fc.asyncProperty(steps, live), { numRuns: 40 });
}, 300_000);
