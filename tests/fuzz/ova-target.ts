import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatOvfDescriptor, nameOvaMembers, type VirtualMachine } from '../../build/image/ova.ts';
import { TAR_END, tarMember } from '../../build/image/tar-member.ts';
import { checkOva } from '../../build/readback/ova.ts';
import { sha256 } from '../../build/step/digest.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { room } from './room.ts';
import type { Target } from './target.ts';

const machine: VirtualMachine = {
  ...{ name: 'fuzz-1', title: 'Fuzz', version: '1', processors: 1, memory: 1024 },
  ...{ diskBytes: 512 * 1024, guest: 'other3xLinux64Guest', secureBoot: false },
};
const names = nameOvaMembers(machine);

/** The header of a stream-optimised VMDK of 512 KiB, and some data. */
const disk = Buffer.alloc(2048, 'data');
disk.write('KDMV\x03\0\0\0\x01\0\x03\0\0\x04\0\0\0\0\0\0', 'latin1');

/** Packs an OVA, one of whose files was changed before its header and the hashes after it were made. */
function pack(random: Random): Buffer {
  const changed = random.below(4);
  const change = (index: number, bytes: Buffer) =>
    index === changed ? mutate(Buffer.from(bytes), random) : bytes;
  const inside = change(0, disk);
  const descriptor = change(1, Buffer.from(formatOvfDescriptor(machine, inside.length)));
  const lines = [
    `SHA256(${names.descriptor})= ${sha256(descriptor)}\n`,
    `SHA256(${names.disk})= ${sha256(inside)}\n`,
  ];
  const manifest = change(2, Buffer.from(lines.join('')));
  const packed = Buffer.concat([
    tarMember(names.descriptor, descriptor, 0),
    tarMember(names.manifest, manifest, 0),
    tarMember(names.disk, inside, 0),
    TAR_END,
  ]);
  return change(3, packed);
}

/** Virtual machines to import: an accepted one contains its disk's unchanged header. */
export const ova: Target = {
  name: 'ova',
  async once(random) {
    const bytes = pack(random);
    const path = join(room(), 'a.ova');
    writeFileSync(path, bytes);
    const { problems } = await checkOva(path);
    if (problems.length === 0 && !bytes.includes('KDMV')) throw new Error('it has no disk');
  },
};
