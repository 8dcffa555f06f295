import type { Architecture } from '../architecture.ts';
import { HASH_ALGORITHM, VERITY_BLOCK, type VerityTree } from './verity-tree.ts';

/**
 * Sets up verification of the root filesystem (dm-verity) in the initramfs: the builder prepares the requests to the
 * device mapper, and a small program passes each to the kernel. dmsetup would need six packages and three megabytes of
 * libraries in the initramfs.
 */

/** Version of the interface, command numbers and flags: Linux, include/uapi/linux/dm-ioctl.h. */
const VERSION = [4, 0, 0];
const COMMANDS = { create: 3, remove: 4, resume: 6, load: 9 } as const;
const [READ_ONLY, OWN_MINOR] = [1 << 0, 1 << 3];
/** Size of `struct dm_ioctl`, offset of its name field, and size of `struct dm_target_spec`; bytes. */
const [HEADER, NAME_AT, TARGET] = [312, 48, 40];
const SECTOR = 512;

/** Name of the device; as the first device of the device mapper, it is /dev/dm-0. */
const DEVICE = 'system';

/**
 * Numbers of the loop devices that `init` makes of the system and its hash tree, loop1 and loop2; loop0 is the medium.
 */
const [DATA, TREE] = ['7:1', '7:2'];

/** Command of a request to the device mapper. */
export type DeviceMapperRequest = keyof typeof COMMANDS;

/**
 * Returns the requests with which `init` creates and removes the system's device, in the format that `makeIoctlProgram`
 * reads.
 * @returns command → bytes
 */
export function makeVerityRequests({
  rootHash,
  dataBlocks,
}: Pick<VerityTree, 'rootHash' | 'dataBlocks'>): Record<DeviceMapperRequest, Buffer> {
  // verity.rst: version, data device, hash device, block sizes, number of data blocks, first hash block, algorithm,
  // root hash, salt.
  const blocks = [VERITY_BLOCK, VERITY_BLOCK, dataBlocks, 1].join(' ');
  const parameters = `1 ${DATA} ${TREE} ${blocks} ${HASH_ALGORITHM} ${rootHash} -\0`;
  const target = Buffer.alloc(TARGET + Math.ceil(parameters.length / 8) * 8);
  target.writeBigUInt64LE(BigInt((dataBlocks * VERITY_BLOCK) / SECTOR), 8);
  target.write('verity', 24, 'latin1');
  target.write(parameters, TARGET, 'latin1');
  return {
    create: request('create', OWN_MINOR),
    load: request('load', READ_ONLY, target),
    resume: request('resume', 0),
    remove: request('remove', 0),
  };
}

/** Encodes a request: the number for ioctl(2) in eight bytes, then its argument. */
function request(command: DeviceMapperRequest, flags: number, target = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(8 + HEADER);
  // _IOWR(0xfd, command, struct dm_ioctl)
  bytes.writeUInt32LE(((3 << 30) | (HEADER << 16) | (0xfd << 8) | COMMANDS[command]) >>> 0, 0);
  const header = bytes.subarray(8);
  const size = HEADER + target.length;
  for (const [at, value] of [...VERSION, size, HEADER, target.length > 0 ? 1 : 0].entries()) {
    header.writeUInt32LE(value, at * 4);
  }
  header.writeUInt32LE(flags, 28);
  header.write(DEVICE, NAME_AT, 'latin1');
  return Buffer.concat([bytes, target]);
}

/** Address of the program in memory, and the largest page size, to which it is aligned. */
const [ADDRESS, ALIGNMENT] = [0x40_0000n, 0x1_0000n];
/** Size in bytes of an ELF header and of a program header, 64-bit (gABI, chapters 4 and 5). */
const [ELF_HEADER, PROGRAM_HEADER] = [64, 56];

/**
 * Returns an ELF program that reads a request from its standard input and makes the ioctl on file descriptor 3; it
 * exits with the errno (errno(3)), or 0.
 */
export function makeIoctlProgram({ elf, ioctl }: Pick<Architecture, 'elf' | 'ioctl'>): Buffer {
  const lines = [...ioctl.matchAll(/^ *([0-9a-f]+) /gm)];
  const code = Buffer.from(lines.map(([, hex]) => hex).join(''), 'hex');
  const start = ELF_HEADER + PROGRAM_HEADER;
  const size = BigInt(start + code.length);
  const headers = Buffer.alloc(start);
  // 64-bit, little-endian, version 1.
  headers.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  headers.writeUInt16LE(2, 16);
  headers.writeUInt16LE(elf, 18);
  headers.writeUInt32LE(1, 20);
  headers.writeBigUInt64LE(ADDRESS + BigInt(start), 24);
  headers.writeBigUInt64LE(BigInt(ELF_HEADER), 32);
  headers.writeUInt16LE(ELF_HEADER, 52);
  headers.writeUInt16LE(PROGRAM_HEADER, 54);
  headers.writeUInt16LE(1, 56);
  // One segment, PT_LOAD, readable and executable; the request is read onto the stack.
  const segment = headers.subarray(ELF_HEADER);
  segment.writeUInt32LE(1, 0);
  segment.writeUInt32LE(5, 4);
  segment.writeBigUInt64LE(ADDRESS, 16);
  segment.writeBigUInt64LE(ADDRESS, 24);
  segment.writeBigUInt64LE(size, 32);
  segment.writeBigUInt64LE(size, 40);
  segment.writeBigUInt64LE(ALIGNMENT, 48);
  return Buffer.concat([headers, code]);
}
