import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { restoreConfiguration } from '../../../../apps/update/configuration-copy.ts';
import { readRecord } from '../../../../apps/update/record.ts';
import { stage } from '../../../../apps/update/stage.ts';
import {
  type Activation,
  activate,
  computeLimits,
  confirm,
  expectGood,
  type Machine,
  rollBack,
  settle,
} from '../../../../apps/update/standing.ts';
import { readBootState, writeBootState } from '../../../../build/disk/boot-state.ts';
import type { Slot } from '../../../../build/disk/layout.ts';
import { writeTrailer } from '../../../../build/disk/slot-trailer.ts';
import { DISK_BYTES, TRAILER } from '../../disk/installed.ts';
import { MemoryDevice } from '../../disk/memory-device.ts';
import {
  boot,
  hastyClock,
  imageOf,
  RUNNING,
  releaseOf,
  sourceOf,
  type World,
  worldOn,
} from './world.ts';

let device: MemoryDevice;
let world: World;

beforeEach(async () => {
  device = new MemoryDevice(DISK_BYTES, 512);
  world = await worldOn(device);
});
afterEach(() => world[Symbol.asyncDispose]());

const signal = new AbortController().signal;
const WANTED: Activation = {
  to: 'staged',
  minutes: 5,
  patience: 15,
  controlPlane: false,
  now: new Date(),
};

async function staged(booted: Slot, accepted = releaseOf(imageOf('0.2.0')), version = '0.2.0') {
  const { efi, slots } = world.open(booted);
  await stage({
    target: { efi, slot: slots[booted === 'a' ? 'b' : 'a'] },
    accepted,
    source: sourceOf(imageOf(version)),
    clock: hastyClock(),
    signal,
  });
}

test('a disk with an owner’s key tries only versions that this key signed', async () => {
  const certificate = Buffer.alloc(900, 'certificate');
  await using owned = await worldOn(new MemoryDevice(DISK_BYTES, 512), {
    '/grub/owner.cer': certificate,
  });
  const disk = owned.open('a');
  const owner = createHash('sha256').update(certificate).digest('hex');
  const put = async (changes: Parameters<typeof releaseOf>[1]) => {
    const image = imageOf('0.2.0');
    await stage({
      target: { efi: disk.efi, slot: disk.slots.b },
      ...{ accepted: releaseOf(image, changes), source: sourceOf(image) },
      ...{ clock: hastyClock(), signal },
    });
  };
  await put({});
  await expect(activate(owned.machine(), disk, WANTED)).rejects.toThrow(
    /not signed with the key that the boot loader of this disk demands .*Publish an image/,
  );
  expect(await readBootState(disk.efi)).toEqual({ good: 'a', trial: null, left: 0 });
  await put({ owner });
  expect(await activate(owned.machine(), disk, WANTED)).toBe('0.2.0');
});

/** Activates the staged release, and boots. */
async function tried(wanted: Partial<Activation> = {}): Promise<Slot | null> {
  await activate(world.machine(), world.open('a'), { ...WANTED, ...wanted });
  return await boot(device, world.layout);
}

const judged = (booted: Slot, problems: readonly string[] = [], machine: Machine = newVersion()) =>
  settle(machine, {
    open: async () => world.open(booted),
    probeFor: () => async () => problems,
    signal,
  });

const newVersion = () => world.machine({ running: { ...RUNNING, version: '0.2.0' } });
const state = () => readBootState(world.open('a').efi);
const record = () => readRecord(world.configuration);
const hostname = () => readFile(join(world.configuration, 'hostname'), 'utf8');

describe('a healthy version', () => {
  test('is confirmed, and its floor applies from then on', async () => {
    await staged('a', releaseOf(imageOf('0.2.0'), { serial: 7, floor: 5 }));
    expect(await tried()).toBe('b');
    expect(await judged('b')).toBe('confirmed');
    expect(await state()).toEqual({ good: 'b', trial: null, left: 0 });
    expect(await record()).toMatchObject({
      floor: 5,
      seen: { stable: 7 },
      trial: null,
      last: { version: '0.2.0', before: '0.1.0', result: 'confirmed' },
    });
    expect(await boot(device, world.layout)).toBe('b');
  });

  test('is confirmed only after the whole time without problems', async () => {
    await staged('a');
    await tried({ minutes: 5 });
    const clock = hastyClock();
    const start = clock.elapsed();
    let looks = 0;
    const settled = await settle(world.machine({ clock }), {
      open: async () => world.open('b'),
      // One check in the middle fails.
      probeFor: () => async () => (++looks === 30 ? ['libvirtd is stopped'] : []),
      signal,
    });
    expect(settled).toBe('confirmed');
    expect(clock.elapsed() - start).toBeGreaterThanOrEqual(5 * 60_000 + 29 * 5_000);
  });

  test('is confirmed completely after a power cut between boot state and record', async () => {
    await staged('a', releaseOf(imageOf('0.2.0'), { serial: 7, floor: 5 }));
    await tried();
    await writeBootState(world.open('b').efi, { good: 'b', trial: null, left: 0 });
    expect(await boot(device, world.layout)).toBe('b');
    expect(await judged('b')).toBe('confirmed');
    expect(await record()).toMatchObject({ floor: 5, trial: null, last: { result: 'confirmed' } });
  });
});

describe('an activated version whose slot was overwritten by an installation', () => {
  test('is not confirmed by the start of the installed system, and its floor does not apply', async () => {
    await staged('a', releaseOf(imageOf('0.2.0'), { serial: 7, floor: 5 }));
    await tried();
    await judged('b');
    const release = { version: '0.3.0', serial: 9, floor: 9 };
    await staged('b', releaseOf(imageOf('0.3.0'), release), '0.3.0');
    await activate(newVersion(), world.open('b'), WANTED);
    const { efi, slots } = world.open('b');
    await writeTrailer(slots.a, TRAILER);
    await writeBootState(efi, { good: 'a', trial: null, left: 0 });
    expect(await judged('a', [], world.machine())).toBe('reported');
    expect(await record()).toMatchObject({
      ...{ floor: 5, trial: null },
      last: {
        ...{ version: '0.3.0', result: 'not-tried' },
        reasons: ['the power was cut while it was activated, or the system was installed anew'],
      },
    });
  });
});

describe('an unhealthy version', () => {
  test('is taken back, and the reason is stored and reported', async () => {
    await staged('a');
    await tried();
    const machine = world.machine();
    const problems = ['qx-node is crashed', 'the control plane is not reached'];
    expect(await judged('b', problems, machine)).toBe('taken back');
    expect(machine).toMatchObject({ restarts: 1 });
    expect(await boot(device, world.layout)).toBe('a');
    expect(await judged('a')).toBe('reported');
    expect(await record()).toMatchObject({
      trial: null,
      last: { version: '0.2.0', before: '0.1.0', result: 'taken-back', reasons: problems },
    });
    expect(await state()).toEqual({ good: 'a', trial: null, left: 0 });
  });

  test('is taken back as soon as it can no longer be confirmed in time', async () => {
    await staged('a');
    await tried({ minutes: 1440, patience: 1 });
    const clock = hastyClock();
    expect(await judged('b', ['qx-node is stopped'], world.machine({ clock }))).toBe('taken back');
    expect(clock.elapsed()).toBe(60_000);
  });

  test('that reports nothing is taken back after its third boot', async () => {
    await staged('a');
    expect(await tried()).toBe('b');
    expect(await boot(device, world.layout)).toBe('b');
    expect(await boot(device, world.layout)).toBe('b');
    expect(await boot(device, world.layout)).toBe('a');
    expect(await judged('a')).toBe('reported');
    const { last } = await record();
    expect(last).toMatchObject({ version: '0.2.0', result: 'taken-back' });
    expect(last?.reasons[0]).toMatch(/it crashed or hung/);
  });

  test('is taken back even if its configuration cannot be written', async () => {
    await staged('a');
    await tried();
    const machine = world.machine({ configuration: '/proc/nowhere' });
    expect(await judged('b', ['nothing is mounted at /quantix'], machine)).toBe('taken back');
    expect(await boot(device, world.layout)).toBe('a');
    expect(await judged('a')).toBe('reported');
    expect((await record()).last).toMatchObject({ result: 'taken-back' });
  });

  test('whose probe never gives a valid answer is taken back', async () => {
    await staged('a');
    await tried();
    const settled = await settle(world.machine(), {
      open: async () => world.open('b'),
      probeFor: () => async () => {
        throw new Error('the agent does not answer');
      },
      signal,
    });
    expect(settled).toBe('taken back');
    expect((await record()).trial?.problems).toEqual(['the agent does not answer']);
  });
});

describe('a version on trial about which somebody decides by hand', () => {
  /** Watches the version until the end of its trial; `decide` is called during the first check. */
  const watched = async (problems: readonly string[], decide: () => Promise<unknown>) => {
    const machine = newVersion();
    let looks = 0;
    const settled = await settle(machine, {
      open: async () => world.open('b'),
      probeFor: () => async () => {
        looks += 1;
        if (looks === 1) await decide();
        return problems;
      },
      signal,
    });
    return { settled, restarts: machine.restarts };
  };

  test('stays if it is confirmed, even if it is not healthy', async () => {
    await staged('a');
    await tried();
    const end = await watched(['libvirtd is stopped'], () =>
      confirm(newVersion(), world.open('b')),
    );
    expect(end).toEqual({ settled: 'confirmed', restarts: 0 });
    expect(await state()).toEqual({ good: 'b', trial: null, left: 0 });
    expect(await boot(device, world.layout)).toBe('b');
    expect((await record()).last).toMatchObject({ version: '0.2.0', result: 'confirmed' });
  });

  test.each([1, 3])(
    'is taken back if somebody rolls it back in boot %i of the trial, even if it is healthy',
    async (boots) => {
      await staged('a');
      await tried();
      for (let more = 1; more < boots; more += 1) await boot(device, world.layout);
      const end = await watched([], () => rollBack(newVersion(), world.open('b'), WANTED));
      expect(end).toEqual({ settled: 'taken back', restarts: 0 });
      expect(await boot(device, world.layout)).toBe('a');
      expect(await judged('a')).toBe('reported');
      expect((await record()).last).toMatchObject({
        result: 'taken-back',
        reasons: ['somebody went back by hand'],
      });
    },
  );
});

describe('before an activation', () => {
  test('the configuration of the running version is copied, with its permissions', async () => {
    await staged('a');
    await tried();
    const copy = join(world.configuration, '.before/0.1.0');
    expect(await readFile(join(copy, 'hostname'), 'utf8')).toBe('node7\n');
    expect((await stat(join(copy, 'network/eth0.conf'))).mode & 0o777).toBe(0o600);
  });

  test('a release must be staged', async () => {
    await expect(tried()).rejects.toThrow(/no whole image in slot b.*qx-update stage/);
  });

  test('the staged release is checked again, as it may have expired', async () => {
    await staged('a');
    await expect(tried({ now: new Date(Date.now() + 86_400_000 * 9) })).rejects.toThrow(
      'it expired at',
    );
    expect(await state()).toEqual({ good: 'a', trial: null, left: 0 });
  });

  test('an activation is refused if boot loader and boot state disagree, or during a trial', () => {
    expect(() => expectGood('b', { good: 'a', trial: null, left: 0 })).toThrow(
      'slot b was booted, and the boot state of this disk names slot a',
    );
    expect(() => expectGood('b', { good: 'a', trial: 'b', left: 2 })).toThrow('is on trial');
    expect(() => expectGood('a', undefined)).toThrow('the boot state of this disk is damaged');
  });

  test('if the configuration cannot be written, nothing is activated', async () => {
    await staged('a');
    const machine = world.machine({ configuration: '/dev/null/nowhere' });
    await expect(activate(machine, world.open('a'), WANTED)).rejects.toThrow();
    expect(await state()).toEqual({ good: 'a', trial: null, left: 0 });
  });
});

describe('after an activation', () => {
  test('no verdict is made until the restart', async () => {
    await staged('a');
    const machine = world.machine();
    await activate(machine, world.open('a'), WANTED);
    expect(await judged('a', [], machine)).toBe('nothing to do');
    expect(await state()).toEqual({ good: 'a', trial: 'b', left: 3 });
  });

  test('the activation can be undone before the restart', async () => {
    await staged('a');
    await activate(world.machine(), world.open('a'), WANTED);
    expect(await rollBack(world.machine(), world.open('a'), WANTED)).toMatchObject({
      restart: false,
    });
    expect(await boot(device, world.layout)).toBe('a');
    expect((await record()).trial).toBeNull();
  });

  test('a power cut before the boot state was written is reported', async () => {
    await staged('a');
    await activate(world.machine(), world.open('a'), WANTED);
    await writeBootState(world.open('a').efi, { good: 'a', trial: null, left: 0 });
    expect(await judged('a')).toBe('reported');
    expect((await record()).last).toMatchObject({ result: 'not-tried' });
  });

  test('a version that the boot loader skipped is reported', async () => {
    await staged('a');
    await activate(world.machine(), world.open('a'), WANTED);
    expect(await judged('a')).toBe('reported');
    expect((await record()).last?.reasons[0]).toMatch(/the boot loader skipped it/);
    expect(await state()).toEqual({ good: 'a', trial: null, left: 0 });
  });
});

describe('an old version', () => {
  const upToTwo = async (changes = {}) => {
    await staged('a', releaseOf(imageOf('0.2.0'), { serial: 7, floor: 5, ...changes }));
    await tried();
    await judged('b');
  };

  test('is limited by the floor and the serial of the confirmed version', async () => {
    await upToTwo();
    const limits = await computeLimits(world.machine(), world.open('b'));
    expect(limits).toMatchObject({ floor: 5, seen: { stable: 7 } });
  });

  test('is limited even if the record is lost, because the running release has the floor too', async () => {
    await upToTwo();
    await writeFile(join(world.configuration, 'update/record.json'), 'not JSON');
    const machine = newVersion();
    expect(await computeLimits(machine, world.open('b'))).toMatchObject({
      floor: 5,
      seen: { stable: 7 },
    });
    expect(machine.told[0]).toMatch(/record\.json.*set aside as .*record\.json\.rejected/);
  });

  test('can be returned to, as a trial, if the floor allows it', async () => {
    await upToTwo({ floor: 0 });
    const { restart } = await rollBack(newVersion(), world.open('b'), WANTED);
    expect(restart).toBe(true);
    expect(await boot(device, world.layout)).toBe('a');
    expect(await judged('a', [], world.machine())).toBe('confirmed');
    expect(await state()).toEqual({ good: 'a', trial: null, left: 0 });
  });

  test('cannot be returned to if it is below the floor', async () => {
    await upToTwo();
    await expect(rollBack(newVersion(), world.open('b'), WANTED)).rejects.toThrow(
      /takes none below serial 5/,
    );
    expect(await boot(device, world.layout)).toBe('b');
  });

  test('cannot have a name that leads outside the folder of copies', async () => {
    await expect(restoreConfiguration(world.configuration, '../node')).rejects.toThrow(
      '"../node" is not a valid version',
    );
  });

  test('gets its configuration back if requested', async () => {
    await upToTwo({ floor: 0 });
    await writeFile(join(world.configuration, 'hostname'), 'of the new version\n');
    const wanted = { ...WANTED, restoreConfiguration: true };
    await rollBack(newVersion(), world.open('b'), wanted);
    expect(await hostname()).toBe('node7\n');
    await boot(device, world.layout);
    await judged('a', [], world.machine());
    expect(await hostname()).toBe('node7\n');
    expect(await readdir(join(world.configuration, '.before'))).not.toContain('.exchanged');
  });

  test.each<[string, () => Promise<unknown>]>([
    [
      'is not healthy',
      async () => {
        await boot(device, world.layout);
        await judged('a', ['qx-node is crashed'], world.machine());
        expect(await boot(device, world.layout)).toBe('b');
        await judged('b');
      },
    ],
    [
      'was never booted, as the power was cut',
      async () => {
        await writeBootState(world.open('b').efi, { good: 'b', trial: null, left: 0 });
        await judged('b');
      },
    ],
    [
      'is not tried after all',
      async () => void (await rollBack(newVersion(), world.open('b'), WANTED)),
    ],
    [
      'is activated once more, with the newer configuration',
      async () => {
        await activate(newVersion(), world.open('b'), { ...WANTED, to: 'before' });
      },
    ],
  ])(
    'that got its configuration back and %s: the newer version has its own configuration again',
    async (_, end) => {
      await upToTwo({ floor: 0 });
      await writeFile(join(world.configuration, 'hostname'), 'of the new version\n');
      const wanted = { ...WANTED, restoreConfiguration: true };
      await rollBack(newVersion(), world.open('b'), wanted);
      expect(await hostname()).toBe('node7\n');
      await end();
      expect(await hostname()).toBe('of the new version\n');
    },
  );

  test('is not activated if its configuration is to be restored but was not copied', async () => {
    await upToTwo({ floor: 0 });
    await rm(join(world.configuration, '.before'), { recursive: true });
    const wanted = { ...WANTED, restoreConfiguration: true };
    await expect(rollBack(newVersion(), world.open('b'), wanted)).rejects.toThrow(
      'there is no copy of the configuration of 0.1.0',
    );
    expect((await record()).trial).toBeNull();
  });
});

describe('a slot that was chosen in the menu', () => {
  test('is not judged, and the next boot starts the other one', async () => {
    await staged('a');
    expect(await judged('b')).toBe('booted by hand');
    expect(await boot(device, world.layout)).toBe('a');
  });

  test('can be confirmed although it is already good; the result of the last update stays', async () => {
    await staged('a');
    await tried();
    await judged('b', ['qx-node is crashed']);
    await boot(device, world.layout);
    await judged('a');
    await confirm(world.machine(), world.open('a'));
    expect((await record()).last).toMatchObject({ result: 'taken-back' });
  });

  test('can be confirmed', async () => {
    await staged('a');
    await confirm(newVersion(), world.open('b'));
    expect(await boot(device, world.layout)).toBe('b');
  });
});
