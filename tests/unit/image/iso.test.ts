import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  ARCHITECTURES,
  type Architecture,
  DEFAULT_ARCHITECTURE,
} from '../../../build/architecture.ts';
import { readBootFiles } from '../../../build/disk/boot-files.ts';
import {
  BIOS_IMAGE,
  ESP_IMAGE,
  HYBRID_BOOT_SECTOR,
  makeBootLoader,
  OF_DISK,
} from '../../../build/image/boot-loader.ts';
import { makeIsoArguments, writeIso } from '../../../build/image/iso.ts';
import { ISO_BLOCK, reportIso } from '../../../build/image/iso-report.ts';
import { type Expected, hashBootImages, verifyIso } from '../../../build/image/verify-iso.ts';
import { run } from '../../../build/process/run.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { temporaryFolder } from '../folder.ts';
import { hostGrub } from './host-grub.ts';

const EPOCH = 1_700_000_000;
const ARCHITECTURE = ARCHITECTURES[DEFAULT_ARCHITECTURE];
const MENU = "menuentry 'x' {\n  linux /boot/vmlinuz quiet\n}\n";
const LOADER = '/EFI/BOOT/BOOTX64.EFI';
const contents: Record<string, string> = {
  [LOADER]: 'loader',
  '/boot/vmlinuz': 'kernel '.repeat(20_000),
  '/boot/grub/grub.cfg': MENU,
  '/boot/grub/slot.cfg': MENU,
  "/quantix/it's a=b": 'odd',
};
const readable = {
  volumeId: 'QX-TEST',
  files: Object.fromEntries(Object.entries(contents).map(([path, text]) => [path, sha256(text)])),
};

/** Folder with a boot loader, made once for almost all ISOs. */
let loader: string;
/** The expected contents of the sample ISO. */
let expected: Expected;

beforeAll(async () => {
  loader = await mkdtemp(join(tmpdir(), 'quantix-iso-'));
  await makeLoader(loader);
  const [bios, esp] = [join(loader, BIOS_IMAGE), join(loader, ESP_IMAGE)];
  const boot = await hashBootImages({ bios, esp });
  expected = { ...readable, boot, uefi: [LOADER] };
  return () => rm(loader, { recursive: true });
});

async function makeLoader(folder: string, architecture: Architecture = ARCHITECTURE) {
  using reader = new ContentReader();
  const grub = hostGrub(reader);
  const buildId = '0123456789abcdef';
  await makeBootLoader(folder, {
    architecture,
    grub,
    isSigned: false,
    namespace: 'quantix',
    buildId,
    epoch: EPOCH,
  });
}

/** Writes an ISO with these texts into a folder and returns its path. */
async function writeSample(
  folder: string,
  { texts = contents, images = loader, bios = true } = {},
): Promise<string> {
  const files: Record<string, string> = {};
  for (const [index, [path, text]] of Object.entries(texts).entries()) {
    files[path] = join(folder, `source=${index}`);
    await writeFile(files[path], text);
  }
  const file = join(folder, 'x.iso');
  const request = {
    volumeId: 'QX-TEST',
    files,
    bios: bios
      ? { image: join(images, BIOS_IMAGE), bootSector: join(images, HYBRID_BOOT_SECTOR) }
      : undefined,
    espImage: join(images, ESP_IMAGE),
    epoch: EPOCH,
  };
  await writeIso(file, request, { check: async () => undefined });
  return file;
}

describe('an ISO', () => {
  let iso: Buffer;

  beforeAll(async () => {
    iso = await readFile(await writeSample(loader));
  });

  /** Writes a copy of the ISO, or other bytes, into a folder that is removed after the test. @returns its path */
  async function copy(bytes = iso): Promise<string> {
    const file = join(await temporaryFolder(), 'copy.iso');
    await writeFile(file, bytes);
    return file;
  }

  test('reads back as it was written, and its hash is that of the file', async () => {
    expect(await verifyIso(await copy(), expected)).toEqual({ sha256: sha256(iso) });
  });

  test('has the same bytes when it is written again elsewhere', async () => {
    const folder = await temporaryFolder();
    await makeLoader(folder);
    const again = await readFile(await writeSample(folder, { images: folder }));
    expect(again.equals(iso)).toBe(true);
  });

  test('has neither entry nor boot sector for BIOS if the architecture has no BIOS', async () => {
    const folder = await temporaryFolder();
    await makeLoader(folder, { ...ARCHITECTURE, bios: undefined });
    expect(await readdir(folder)).not.toContain(BIOS_IMAGE);
    const file = await writeSample(folder, { images: folder, bios: false });
    const boot = await hashBootImages({ esp: join(folder, ESP_IMAGE) });
    await verifyIso(file, { ...expected, boot });
    const { bootImages, hybrid } = await reportIso(file);
    expect([bootImages.map(({ platform }) => platform), hybrid]).toEqual([['UEFI'], false]);
    await expect(verifyIso(file, { ...expected, boot: { ...boot, bios: 'x' } })).rejects.toThrow(
      'El Torito has no BIOS entry',
    );
  });

  test.each(['/boot/vmlinuz', "/quantix/it's a=b"])(
    'is refused when one bit of %s is flipped',
    async (path) => {
      const file = await copy();
      const place = (await reportIso(file)).files.find((one) => one.path === path);
      const at = (place?.block ?? 0) * ISO_BLOCK + (place?.size ?? 0) - 1;
      const handle = await open(file, 'r+');
      await handle.write(Buffer.from([(iso[at] ?? 0) ^ 1]), 0, 1, at);
      await handle.close();
      const failure = await verifyIso(file, expected).catch((error) => error);
      expect(failure.message).toContain('the ISO does not read back as it was written');
      expect(failure.message).toContain(`${path} has SHA-256`);
    },
  );

  test.each([
    ['the EFI system partition', '/EFI', 40_000],
    ['/boot/grub/bios.img', '/boot/grub/bios.img', 4000],
  ])(
    'is refused when one bit of %s, outside any file of the file system, is flipped',
    async (name, path, into) => {
      const file = await copy();
      const report = await reportIso(file);
      const bios = (report.files.find((one) => one.path === path)?.block ?? 0) * ISO_BLOCK;
      const at = (path === '/EFI' ? (report.partitions[1]?.start ?? 0) * 512 : bios) + into;
      await writeFile(file, Buffer.from(iso).fill((iso[at] ?? 0) ^ 1, at, at + 1));
      await expect(verifyIso(file, expected)).rejects.toThrow(`${name} is not as it was made`);
    },
  );

  test('is refused if it is truncated, damaged or not an ISO', async () => {
    for (const bytes of [
      iso.subarray(0, iso.length / 2),
      iso.subarray(0, 10_000),
      Buffer.alloc(100_000),
      Buffer.from(iso).fill(0, 0, 1024),
      Buffer.from(iso).fill(0xff, 16 * ISO_BLOCK, 17 * ISO_BLOCK),
    ]) {
      await expect(verifyIso(await copy(bytes), expected)).rejects.toThrow(
        /^(the ISO|xorriso|mdir)/,
      );
    }
  });

  test('is refused if a file is missing, or its volume id differs', async () => {
    const more = { ...expected.files, '/quantix/system.squashfs': sha256('') };
    await expect(verifyIso(await copy(), { ...expected, files: more })).rejects.toThrow(
      '/quantix/system.squashfs is missing',
    );
    await expect(verifyIso(await copy(), { ...expected, volumeId: 'OTHER' })).rejects.toThrow(
      'volume id is QX-TEST',
    );
  });

  test('is refused if it has an additional file', async () => {
    const { '/boot/vmlinuz': _, ...files } = expected.files;
    await expect(verifyIso(await copy(), { ...expected, files })).rejects.toThrow(
      'written: /boot/vmlinuz is unexpected (',
    );
  });

  test.each([
    ['/boot/a:b', '/boot/a:b has a name that FAT cannot have'],
    ['/boot/end.', '/boot/end. has a name that FAT cannot have'],
    [`/boot/${'x'.repeat(65)}`, 'x has a name that FAT cannot have'],
    ['/boot/VMLINUZ', '/boot/vmlinuz differs from another name in case only'],
  ])('is refused if %s could not be copied onto a stick with FAT', async (path, told) => {
    const texts = { ...contents, [path]: 'text' };
    const file = await writeSample(await temporaryFolder(), { texts });
    const files = { ...expected.files, [path]: sha256('text') };
    await expect(verifyIso(file, { ...expected, files })).rejects.toThrow(told);
  });

  test('is refused if its files, copied onto a stick, would not boot', async () => {
    const { [LOADER]: _, ...texts } = contents;
    const file = await writeSample(await temporaryFolder(), { texts });
    const { [LOADER]: __, ...files } = expected.files;
    await expect(verifyIso(file, { ...expected, files })).rejects.toThrow(
      '/EFI/BOOT/BOOTX64.EFI is not among the files',
    );
  });

  test('contains the boot files of an installed disk', async () => {
    const { efi, bios } = await readBootFiles(loader, OF_DISK);
    expect([...efi.keys()]).toEqual(['/EFI/BOOT/BOOTX64.EFI', '/grub/grub.cfg']);
    expect(efi.get('/EFI/BOOT/BOOTX64.EFI')?.subarray(0, 2).toString()).toBe('MZ');
    expect(bios?.boot.length).toBe(512);
    // The core image begins with a sector that loads the rest, and fits before the first slot.
    expect(bios?.core.length).toBeLessThan(1024 * 1024);
    await expect(readBootFiles(loader, 'x')).rejects.toThrow(
      'lacks files that an installed disk needs to boot',
    );
    await expect(readBootFiles(join(loader, 'gone'))).rejects.toThrow('cannot be read');
  });

  test('has a loader for UEFI in a file system of its own', async () => {
    const file = await copy();
    const esp = (await reportIso(file)).partitions[1];
    const image = `${file}@@${(esp?.start ?? 0) * 512}`;
    expect(await run('mdir', ['-b', '-/', '-i', image, '::'])).toContain('BOOTX64.EFI');
  });
});

test.each(['/boot/grub/grub.cfg', '/boot/grub/slot.cfg'])(
  'a menu that names a missing file is reported: %s',
  async (path) => {
    const refusal = async (texts: Record<string, string>) => {
      const file = await writeSample(await temporaryFolder(), { texts });
      return verifyIso(file, { ...expected, files: {} }).catch(({ message }) => message);
    };
    expect(await refusal({ ...contents, [path]: `${MENU}initrd /boot/initramfs\n` })).toContain(
      `${path} names /boot/initramfs: missing`,
    );
    const { [path]: _, ...none } = contents;
    expect(await refusal(none)).toContain(`${path} boots nothing`);
  },
);

test('an ISO whose check fails, or that cannot be written, leaves no file', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'x.iso');
  await writeFile(join(folder, 'part'), 'x');
  const part = join(folder, 'part');
  const files = { '/boot/grub/a': part };
  const request = { ...expected, files, espImage: part, epoch: 1 };
  const check = async () => {
    throw new Error('it does not read back');
  };
  await expect(writeIso(file, request, { check })).rejects.toThrow('it does not read back');
  const gone = { ...request, files: { '/boot/grub/a': join(folder, 'gone') } };
  await expect(writeIso(file, gone, { check })).rejects.toThrow(/^xorriso exited with/);
  expect(await readdir(folder)).toEqual(['part']);
});

test('paths with characters special to xorriso are escaped, and files are sorted', () => {
  const files = { '/z': 'z', '/a=b\\c': '/tmp/x=y' };
  const request = {
    volumeId: 'V',
    files,
    bios: { image: 'bios', bootSector: 'sector' },
    espImage: 'esp',
    epoch: EPOCH,
  };
  const args = makeIsoArguments('out.iso', request);
  expect(args.slice(args.indexOf('-graft-points') + 1)).toEqual([
    '/a\\=b\\\\c=/tmp/x\\=y',
    '/boot/grub/bios.img=bios',
    '/z=z',
  ]);
  expect(args[args.indexOf('--set_all_file_dates') + 1]).toBe('2023111422132000');
});
