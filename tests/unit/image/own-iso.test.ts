import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../../../build/architecture.ts';
import { readBootFiles } from '../../../build/disk/boot-files.ts';
import { parseMediumFiles } from '../../../build/disk/medium-files.ts';
import { makeMarkerPath, makeMediumPaths } from '../../../build/disk/medium-paths.ts';
import { makeBootLoader, OF_DISK } from '../../../build/image/boot-loader.ts';
import { INITRAMFS_FILE, KERNEL_FILE } from '../../../build/image/initramfs.ts';
import { ISO_BLOCK, reportIso } from '../../../build/image/iso-report.ts';
import { listSteps, planImage } from '../../../build/image/plan.ts';
import { SQUASHFS_FILE } from '../../../build/image/squashfs.ts';
import { VERITY_FILE } from '../../../build/image/verity.ts';
import { signProgram } from '../../../build/secure-boot/authenticode.ts';
import { signFile } from '../../../build/secure-boot/openpgp.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { temporaryFolder } from '../folder.ts';
import { newOwner } from '../secure-boot/owners.ts';
import { uefiProgram } from '../secure-boot/uefi-program.ts';
import { sampleFacts } from './facts.ts';
import { hostGrub } from './host-grub.ts';

const { owner } = await newOwner(afterAll);
const LIST = makeMediumPaths('quantix').list;
const plan = planImage({ ...(await sampleFacts()), owner });
/** Folder with a folder for each step, in which are stand-ins for the output files of the step. */
let folder: string;
/** Name of the step → name of the file → SHA-256. */
const hashes: Record<string, Record<string, string>> = {};

beforeAll(async () => {
  folder = await temporaryFolder(afterAll);
  for (const { name } of listSteps(plan)) await mkdir(join(folder, name));
  const write = (path: string, content: string | Buffer) => writeFile(join(folder, path), content);
  await write(`squashfs/${SQUASHFS_FILE}`, 'system');
  await write(`initramfs/${KERNEL_FILE}`, uefiProgram());
  await write(`verity/${INITRAMFS_FILE}`, 'initramfs');
  await write(`verity/${VERITY_FILE}`, 'tree');
  using reader = new ContentReader();
  await makeBootLoader(join(folder, 'boot-loader'), {
    ...{ architecture: ARCHITECTURES[DEFAULT_ARCHITECTURE], grub: hostGrub(reader) },
    ...{
      isSigned: false,
      owner,
      namespace: 'quantix',
      buildId: plan.buildId,
      epoch: 1_700_000_000,
    },
  });
  for (const { name } of listSteps(plan)) {
    const files = await readdir(join(folder, name));
    const each = files.map(async (file) => [
      file,
      sha256(await readFile(join(folder, name, file))),
    ]);
    hashes[name] = Object.fromEntries(await Promise.all(each));
  }
});

function makeIso(file: string) {
  return plan.iso.make(file, {
    made: ({ name }) => join(folder, name),
    hashes: ({ name }) => hashes[name] ?? {},
    checked: async () => undefined,
    opened: () => [],
    owner,
  });
}

test('an ISO with an owner’s key has a signed kernel and a signature of each file that GRUB opens, and its list matches its files', async () => {
  const iso = join(await temporaryFolder(), 'own.iso');
  const made = await makeIso(iso);
  const bytes = await readFile(iso);
  const { files } = await reportIso(iso);
  const read = (path: string) => {
    const { block = 0, size = 0 } = files.find((one) => one.path === path) ?? {};
    return bytes.subarray(block * ISO_BLOCK, block * ISO_BLOCK + size);
  };
  const kernel = await signProgram(uefiProgram(), owner, 'kernel');
  expect(read('/boot/vmlinuz')).toEqual(kernel);
  const opened = ['/boot/vmlinuz', '/boot/initramfs', '/boot/grub/grub.cfg', '/boot/grub/slot.cfg'];
  for (const path of [...opened, makeMarkerPath('quantix', plan.buildId), '/quantix/disk/menu']) {
    expect(read(`${path}.sig`), path).toEqual(await signFile(owner, read(path)));
  }
  const listed = parseMediumFiles(read(LIST).toString(), LIST);
  expect(listed.get('/boot/vmlinuz')).toBe(sha256(kernel));
  expect(made.files['/boot/vmlinuz']).toBe(sha256(kernel));
  for (const [path, hash] of listed) expect(sha256(read(path)), path).toBe(hash);
  const { efi } = await readBootFiles(join(folder, 'boot-loader'), OF_DISK);
  expect(efi.get('/grub/menu')).toEqual(read('/quantix/disk/menu'));
});

test('a kernel that changed since it was made is not signed', async () => {
  const file = join(folder, 'initramfs', KERNEL_FILE);
  await writeFile(file, uefiProgram(2000));
  await expect(makeIso(join(await temporaryFolder(), 'own.iso'))).rejects.toThrow(
    '/boot/vmlinuz has changed since it was made, and is not signed',
  );
});
