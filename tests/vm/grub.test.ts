import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { sliceDevice } from '../../build/disk/block-device.ts';
import { readBootFiles } from '../../build/disk/boot-files.ts';
import {
  type BootState,
  ENVIRONMENT_PATH,
  readBootState,
  writeBootState,
} from '../../build/disk/boot-state.ts';
import { chooseSlot } from '../../build/disk/choose-slot.ts';
import { locateFile } from '../../build/disk/fat32.ts';
import {
  type DiskLayout,
  findPartition,
  type PartitionRole,
  type Slot,
} from '../../build/disk/layout.ts';
import { writeInstalledDisk } from '../../build/disk/write-installed-disk.ts';
import { ESP_IMAGE, makeBootLoader, OF_DISK } from '../../build/image/boot-loader.ts';
import { SLOT_CONFIG_PATH } from '../../build/image/grub-disk.ts';
import { run } from '../../build/process/run.ts';
import { Guest } from '../../build/qemu/guest.ts';
import { ContentReader } from '../../build/tree/content.ts';
import { DISK_BYTES, installRequest, smallLayout } from '../unit/disk/installed.ts';
import { hostGrub } from '../unit/image/host-grub.ts';

/** Instead of booting a kernel, prints its command line. */
const SLOT_CONFIG = `if [ "$slot_entries" = first ]; then
menuentry 'Test, slot '"$slot_name" --id "$slot" "$root" "$slot_parameters" {
  set root="$2"
  if [ -f /broken ]; then linux /gone; else echo "TOLD $3 END"; sleep 600; fi
}
fi
`;

/** Folder with a boot loader. */
let loader: string;
let disk: string;
let layout: DiskLayout;
/** An image, and one without its kernel. */
let image: Buffer;
let broken: Buffer;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-grub-'));
  disk = join(folder, 'disk.raw');
  loader = join(folder, 'loader');
  await mkdir(loader);
  {
    using reader = new ContentReader();
    const architecture = ARCHITECTURES[DEFAULT_ARCHITECTURE];
    const buildId = '0123456789abcdef';
    await makeBootLoader(loader, {
      architecture,
      grub: hostGrub(reader),
      isSigned: false,
      namespace: 'quantix',
      buildId,
      epoch: 1_700_000_000,
    });
  }
  image = await imageWith(folder, {});
  broken = await imageWith(folder, { broken: '' });
  await writeFile(disk, '');
  await truncate(disk, DISK_BYTES);
  await using device = await openBlockDevice(disk, { write: true });
  layout = smallLayout(device);
  const boot = await readBootFiles(loader, OF_DISK);
  await writeInstalledDisk(device, installRequest(layout, { image, boot }));
  return () => rm(folder, { recursive: true });
});

/** Makes an image with the configuration for the menu, and further files. */
async function imageWith(folder: string, files: Record<string, string>): Promise<Buffer> {
  const root = await mkdtemp(join(folder, 'image-'));
  const all = { [SLOT_CONFIG_PATH]: SLOT_CONFIG, ...files };
  await mkdir(join(root, 'boot/grub'), { recursive: true });
  for (const [path, text] of Object.entries(all)) await writeFile(join(root, path), text);
  const file = `${root}.iso`;
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-o', file, root]);
  return readFileSync(file);
}

interface Situation {
  state: BootState | undefined;
  /** Which slots have an image; both if absent. */
  present?: Readonly<Record<Slot, boolean>>;
}

const BOTH = { a: true, b: true };
const trial = (left: number): BootState => ({ good: 'a', trial: 'b', left });

test('GRUB boots the slot of the boot state, and writes the expected new state', async () => {
  const situations: Situation[] = [
    { state: { good: 'a', trial: null, left: 0 } },
    { state: { good: 'b', trial: null, left: 0 } },
    { state: trial(3) },
    { state: trial(1) },
    { state: trial(0) },
    { state: { good: 'b', trial: 'a', left: 2 } },
    { state: trial(2), present: { a: true, b: false } },
    { state: { good: 'a', trial: null, left: 0 }, present: { a: false, b: true } },
    { state: undefined },
    { state: undefined, present: { a: false, b: true } },
  ];
  await using guest = await Guest.start(
    {
      firmware: 'bios',
      memory: 256,
      cpus: 1,
      medium: { as: 'disk', bus: 'virtio', image: disk, isKept: true },
    },
    { acceleration: 'tcg', log: resolve(import.meta.dirname, '../../dist/tests/grub.log') },
  );
  await guest.waitFor(/Power off/);
  for (const { state, present = BOTH } of situations) {
    await prepare(state, present);
    const from = guest.mark;
    await guest.reset();
    await guest.waitFor(/Power off/, from);
    guest.send('\r');
    const [, told = ''] = await guest.waitFor(/TOLD (.*?)E\s*N\s*D/s, from);
    const expected = chooseSlot(state, present, true);
    const slot = expected.slot ?? 'a';
    const guid = (role: PartitionRole) => findPartition(layout, role).guid;
    const counted = state !== undefined && expected.state?.left !== state.left;
    // The terminal breaks long lines at any place.
    expect(told.replace(/\s+/g, '')).toBe(
      `quantix.slot=${slot} quantix.medium=PARTUUID=${guid(slot)} quantix.config=PARTUUID=${guid('configuration')} quantix.data=PARTUUID=${guid('data')}${counted ? ' quantix.trial' : ''}`.replaceAll(
        ' ',
        '',
      ),
    );
    await using device = await openBlockDevice(disk);
    expect(await readBootState(partOf(device, 'efi'))).toEqual(expected.state);
  }
  await prepare({ good: 'a', trial: null, left: 0 }, BOTH, { a: broken, b: image });
  const from = guest.mark;
  await guest.reset();
  await guest.waitFor(/TOLD quantix\.slot=b/, from);
  await prepare(undefined, { a: false, b: false });
  await guest.reset();
  await guest.waitFor(/There is no system on this disk/, from);
});

test('firmware with Secure Boot refuses a GRUB built by this toolchain, as some images have, with a message', async () => {
  await using guest = await Guest.start(
    {
      firmware: 'uefi-secure',
      memory: 256,
      cpus: 1,
      medium: { as: 'disk', bus: 'virtio', image: join(loader, ESP_IMAGE) },
    },
    {
      acceleration: 'tcg',
      log: resolve(import.meta.dirname, '../../dist/tests/grub-refused.log'),
    },
  );
  await guest.waitFor(/failed to load Boot\d+.*Access Denied/);
});

function partOf(device: Awaited<ReturnType<typeof openBlockDevice>>, role: PartitionRole) {
  const { offset, bytes } = findPartition(layout, role);
  return sliceDevice(device, offset, bytes);
}

/** Changes the disk while the machine waits. */
async function prepare(
  state: BootState | undefined,
  present: Readonly<Record<Slot, boolean>>,
  contents = { a: image, b: image },
) {
  await using device = await openBlockDevice(disk, { write: true });
  const efi = partOf(device, 'efi');
  await writeBootState(efi, state ?? { good: 'b', trial: null, left: 0 });
  for (const slot of ['a', 'b'] as const) {
    const bytes = present[slot] ? contents[slot] : Buffer.alloc(image.length);
    await partOf(device, slot).write(0, bytes);
  }
  if (state !== undefined) return;
  const [first] = (await locateFile(efi, ENVIRONMENT_PATH))?.extents ?? [];
  await efi.write(first?.offset ?? 0, Buffer.alloc(efi.sectorSize));
}
