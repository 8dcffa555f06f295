import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { formatOvfDescriptor, type VirtualMachine, writeOva } from '../../../build/image/ova.ts';
import type { SparseDisk } from '../../../build/image/sparse-disk.ts';
import { streamVmdk } from '../../../build/image/vmdk.ts';
import { run } from '../../../build/process/run.ts';
import { appendStream } from '../../../build/process/write-stream.ts';
import { DISK_BYTES, sparseDisk } from './disks.ts';

const MACHINE: VirtualMachine = {
  ...{ name: 'qvdc-0.1.0', title: 'QvDC', version: '0.1.0', processors: 2, memory: 2048 },
  ...{ diskBytes: DISK_BYTES, guest: 'other3xLinux64Guest', secureBoot: false },
};

async function write(disk: SparseDisk, name = 'x.ova') {
  const path = join(dirname(disk.file), name);
  await using file = await open(path, 'w');
  const writeDisk = () => appendStream([file], streamVmdk(disk, { identity: 'build' }));
  await writeOva(file, MACHINE, { writeDisk, epoch: 1_700_000_000 });
  return path;
}

test('descriptor, manifest and disk are in the order that importers require, and match the manifest', async () => {
  const disk = await sparseDisk();
  const ova = await write(disk);
  const folder = dirname(ova);
  const { stdout } = await execa('tar', ['--utc', '-tvf', ova]);
  expect(stdout.split('\n').map((line) => line.replace(/ +\d+ (?=2023)/, ' '))).toEqual(
    ['qvdc-0.1.0.ovf', 'qvdc-0.1.0.mf', 'qvdc-0.1.0-disk1.vmdk'].map(
      (name) => `-rw-r--r-- root/root 2023-11-14 22:13 ${name}`,
    ),
  );
  await execa('tar', ['-xf', ova, '-C', folder]);
  const hash = async (name: string) =>
    createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
  expect(await readFile(join(folder, 'qvdc-0.1.0.mf'), 'utf8')).toBe(
    `SHA256(qvdc-0.1.0.ovf)= ${await hash('qvdc-0.1.0.ovf')}\n` +
      `SHA256(qvdc-0.1.0-disk1.vmdk)= ${await hash('qvdc-0.1.0-disk1.vmdk')}\n`,
  );
  const vmdk = join(folder, 'qvdc-0.1.0-disk1.vmdk');
  expect(await run('qemu-img', ['compare', '-f', 'raw', '-F', 'vmdk', disk.file, vmdk])).toContain(
    'Images are identical',
  );
  const descriptor = await readFile(join(folder, 'qvdc-0.1.0.ovf'), 'utf8');
  const { length } = await readFile(vmdk);
  expect(descriptor).toContain(`ovf:href="qvdc-0.1.0-disk1.vmdk" ovf:size="${length}"`);
  expect(descriptor).toContain(`ovf:capacity="${DISK_BYTES}"`);
});

test('the same disk gives the same archive', async () => {
  const disk = await sparseDisk();
  const [one, other] = [
    await readFile(await write(disk, 'a')),
    await readFile(await write(disk, 'b')),
  ];
  expect(one.equals(other)).toBe(true);
});

/** Evaluates an XPath on a descriptor without its namespaces. */
async function find(path: string, machine: Partial<VirtualMachine> = {}): Promise<string> {
  const input = formatOvfDescriptor({ ...MACHINE, ...machine }, 5);
  const named = path.replaceAll(/\/\/(\w+)/g, "//*[local-name()='$1']");
  return (await execa('xmllint', ['--nonet', '--xpath', named, '-'], { input })).stdout;
}

/** Returns the XPath of a setting that is an extension of OVF. */
function settingOf(key: string): string {
  return `string(//Config[@*[local-name()='key']='${key}']/@*[local-name()='value'])`;
}

test.each([true, false])(
  'Secure Boot is on where the image boots with it: %s',
  async (secureBoot) => {
    const found = await find(settingOf('bootOptions.efiSecureBootEnabled'), { secureBoot });
    expect(found).toBe(String(secureBoot));
  },
);

test('firmware, disk controller and hardware are stated, so that the importer chooses none', async () => {
  expect(await find(settingOf('firmware'))).toBe('efi');
  expect(await find("string(//Item[*[local-name()='ResourceType']='6']//ResourceSubType)")).toBe(
    'lsilogic',
  );
  expect(await find('string(//VirtualSystemType)')).toBe('vmx-13');
  const controller = await find("string(//Item[*[local-name()='ResourceType']='6']//InstanceID)");
  expect(await find("string(//Item[*[local-name()='ResourceType']='17']//Parent)")).toBe(
    controller,
  );
  expect(await find("string(//Item[*[local-name()='ResourceType']='4']//VirtualQuantity)")).toBe(
    '2048',
  );
});

test('memory is rounded up to what VMware accepts', async () => {
  const memory = "string(//Item[*[local-name()='ResourceType']='4']//VirtualQuantity)";
  expect(await find(memory, { memory: 2049 })).toBe('2052');
});

test('a title is escaped', async () => {
  const title = `<a href="x">&amp; 'b'</a>`;
  expect(await find('string(//Product)', { title })).toBe(title);
});

test('the length of a descriptor does not depend on the size of the disk', () => {
  const length = (bytes: number) => formatOvfDescriptor(MACHINE, bytes).length;
  expect(length(8 ** 11 - 1)).toBe(length(0));
});

test('a disk that ustar cannot hold is refused', async () => {
  await using file = await open(join(dirname((await sparseDisk([], 65536)).file), 'x.ova'), 'w');
  const writeDisk = async () => ({ size: 8 ** 11, sha256: '0'.repeat(64) });
  await expect(writeOva(file, MACHINE, { writeDisk, epoch: 0 })).rejects.toThrow('8 GiB at most');
});
