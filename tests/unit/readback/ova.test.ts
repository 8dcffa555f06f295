import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, test } from 'vitest';
import { writeDiskFormats } from '../../../build/image/disk-formats.ts';
import { tarMember } from '../../../build/image/tar-member.ts';
import { checkOva } from '../../../build/readback/ova.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { temporaryFolder } from '../folder.ts';
import { sparseDisk } from '../image/disks.ts';

const EPOCH = 1_700_000_000;
const [OVF, MF, DISK] = ['qvdc-0.1.0.ovf', 'qvdc-0.1.0.mf', 'qvdc-0.1.0-disk1.vmdk'];

/** The files of an OVA, in its order. */
type Files = Record<string, Buffer>;

let whole: Buffer;
const files: Files = {};

beforeEach(async () => {
  const disk = await sparseDisk([{ offset: 0, data: Buffer.from('first bytes') }], 1024 * 1024);
  const folder = dirname(disk.file);
  const ova = join(folder, 'made.ova');
  await writeDiskFormats({
    ...{ disk, paths: { ova }, identity: 'build', epoch: EPOCH },
    machine: {
      ...{ name: 'qvdc-0.1.0', title: 'QvDC', version: '0.1.0', processors: 2, memory: 2048 },
      ...{ diskBytes: disk.bytes, guest: 'other3xLinux64Guest', secureBoot: false },
    },
  });
  whole = await readFile(ova);
  await execa('tar', ['-xf', ova], { cwd: folder });
  for (const name of [OVF, MF, DISK]) files[name] = await readFile(join(folder, name));
});

/** Packs files as an archive. */
function pack(packed: Files): Buffer {
  const members = Object.entries(packed).map(([name, bytes]) => tarMember(name, bytes, EPOCH));
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}

/** Changes the text of a file, and the manifest so that its hashes are right. */
function withText(name: string, change: (text: string) => string): Files {
  const changed = { ...files, [name]: Buffer.from(change(String(files[name]))) };
  if (name === MF) return changed;
  const lines = [OVF, DISK].map((one) => `SHA256(${one})= ${sha256(changed[one] ?? '')}\n`);
  return { ...changed, [MF]: Buffer.from(lines.join('')) };
}

async function check(bytes: Buffer) {
  const path = join(await temporaryFolder(), 'x.ova');
  await writeFile(path, bytes);
  return checkOva(path);
}

test('an OVA that was just made can be imported', async () => {
  expect(pack(files).equals(whole)).toBe(true);
  expect(await check(whole)).toEqual({ sha256: sha256(whole), problems: [] });
});

describe('an OVA is refused', () => {
  const hashes = /does not have the SHA-256 of descriptor and disk, and only these/;

  test.each<[string, () => Files, RegExp]>([
    [
      'whose descriptor was changed after its manifest',
      () => ({ ...files, [OVF]: Buffer.from(String(files[OVF]).replace('QvDC', 'QVDC')) }),
      hashes,
    ],
    [
      'with a blank before the bracket',
      () => withText(MF, (text) => text.replace('(', ' (')),
      hashes,
    ],
    ['with SHA-1', () => withText(MF, (text) => text.replaceAll('SHA256', 'SHA1')), hashes],
    [
      'whose manifest lists itself',
      () => withText(MF, (text) => `${text}SHA256(${MF})= ${'0'.repeat(64)}\n`),
      hashes,
    ],
    [
      'with a descriptor of another disk',
      () => withText(OVF, (text) => text.replace(DISK, 'disk2.vmdk')),
      /the disk is stated as disk2\.vmdk instead of qvdc-0\.1\.0-disk1\.vmdk/,
    ],
    [
      'with a wrong size of its disk',
      () => withText(OVF, (text) => text.replace(/ovf:size="\d+"/, 'ovf:size="1"')),
      /the size of its file is stated as 1 instead of \d+/,
    ],
    [
      'with a wrong capacity',
      () => withText(OVF, (text) => text.replace('capacity="1048576"', 'capacity="1048575"')),
      /its capacity is stated as 1048575 instead of 1048576/,
    ],
    [
      'without a firmware',
      () => withText(OVF, (text) => text.replace(/<vmw:Config .*firmware.*\/>/, '')),
      /the firmware is stated as nothing instead of efi/,
    ],
    [
      'with a memory that VMware does not support',
      () => withText(OVF, (text) => text.replace('>2048<', '>2049<')),
      /its memory of 2049 MiB is not a multiple of 4 MiB/,
    ],
  ])('%s', async (_, made, problem) => {
    const { problems } = await check(pack(made()));
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  test('whose disk has another byte than when it was hashed', async () => {
    const bytes = Buffer.from(whole);
    const at = bytes.indexOf('streamOptimized"');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect((await check(bytes)).problems).toEqual([expect.stringMatching(hashes)]);
  });

  test.each<[string, () => Buffer, string]>([
    [
      'with the manifest first',
      () => pack({ [MF]: files[MF] ?? whole, ...files }),
      `"${MF}" is where the file with .ovf belongs`,
    ],
    [
      'with the disk before the manifest',
      () => pack(Object.fromEntries([OVF, DISK, MF].map((name) => [name, files[name] ?? whole]))),
      `"${DISK}" is where the file with .mf belongs`,
    ],
    [
      'with one more file',
      () => pack({ ...files, 'more.vmdk': Buffer.from('more') }),
      'it does not end after its disk',
    ],
    ['that is truncated', () => whole.subarray(0, 9000), 'it does not end after its disk'],
    ['with a damaged header', () => Buffer.from(whole).fill('x', 0, 4), 'no file of a ustar'],
    [
      'whose disk has another format',
      () => pack({ ...files, [DISK]: Buffer.alloc(4096) }),
      `${DISK} is not a stream-optimised VMDK`,
    ],
  ])('%s', async (_, made, message) => {
    await expect(check(made())).rejects.toThrow(message);
  });
});
