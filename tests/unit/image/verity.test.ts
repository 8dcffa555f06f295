import { spawnSync } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { ARCHITECTURES, canRunHere, DEFAULT_ARCHITECTURE } from '../../../build/architecture.ts';
import { listMissing } from '../../../build/host/requirements.ts';
import { makeIoctlProgram, makeVerityRequests } from '../../../build/image/device-mapper.ts';
import { trustTree } from '../../../build/image/verity.ts';
import { makeVerityTree, VERITY_BLOCK } from '../../../build/image/verity-tree.ts';
import { compareVerity } from '../../../build/readback/verity.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { temporaryFolder } from '../folder.ts';

/** Writes a file with a number of different blocks, and its hash tree. */
async function sample(blocks: number) {
  const folder = await temporaryFolder();
  const data = join(folder, 'data');
  const bytes = Buffer.alloc(blocks * VERITY_BLOCK);
  for (let index = 0; index < blocks; index += 1)
    bytes.writeUInt32LE(index + 1, index * VERITY_BLOCK);
  await writeFile(data, bytes);
  const made = await makeVerityTree(data);
  const tree = join(folder, 'tree');
  await writeFile(tree, made.bytes);
  return { data, tree, ...made };
}

/** Root hashes from veritysetup 2.6.1 for the same data: `veritysetup format --salt=- DATA TREE`. */
const GOLDEN: Readonly<Record<number, string>> = {
  1: 'f0c500e2401e1aee33d11ae25ae14e574820fbdb1731670af1888f88f3c17794',
  2: '93afc1eaca4260ea4f75249fa9a2225124ff2f9257f7eff0b842ec6c1210023c',
  127: '8a4f258dbf34dcea7bda393f28cac0b07dadde3f2fea3b5ae9cba2810d702f6f',
  128: '4ebb3b2ea45e66346db20667bd78b89c8a3ce1ad322473f7fdf51f0883072271',
  129: 'f7f75bae2f1a8515b0f7d995c2348aa4d9451e1f3760ecbff5799902de015f4c',
  16384: 'ac7e09472592c06d8c88d6b6eaaed704aeede790c78745a2ff5efcb694de6775',
  16385: 'df4ea135a9ed3028eea8bfcd4d1cb489700e52afb40c95a351157cdc8080f68b',
};

test.each([1, 2, 127, 128, 129, 16_384, 16_385])(
  'the hash tree of %d blocks equals that of cryptsetup, and reads back',
  async (blocks) => {
    const { data, tree, rootHash, bytes } = await sample(blocks);
    expect(rootHash).toBe(GOLDEN[blocks]);
    expect(await compareVerity({ data, tree, rootHash })).toEqual([]);
    // The block of the superblock, and the blocks of each level.
    const levels = [];
    for (let rest = blocks; rest > 1; levels.push(rest)) rest = Math.ceil(rest / 128);
    const all = levels.reduce((sum, one) => sum + one, 1);
    expect(bytes.length).toBe(all * VERITY_BLOCK);
  },
);

test.skipIf(listMissing([{ name: 'veritysetup', package: 'cryptsetup-bin' }]).length > 0)(
  'veritysetup, if it is installed, verifies the hash tree',
  async () => {
    const { data, tree, rootHash } = await sample(300);
    await execa('veritysetup', ['verify', data, tree, rootHash]);
  },
);

async function flipBit(file: string, at: number): Promise<void> {
  await using handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  await handle.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
}

test('a flipped bit in the data is found, with its position', async () => {
  const { data, tree, rootHash } = await sample(300);
  await flipBit(data, 257 * VERITY_BLOCK + 4095);
  expect(await compareVerity({ data, tree, rootHash })).toEqual([
    'block 257 of 4096 bytes does not match its hash tree',
  ]);
});

test('a flipped bit anywhere in the tree is found', async () => {
  for (const at of [
    0,
    8,
    32,
    64,
    80,
    200,
    4000,
    VERITY_BLOCK,
    2 * VERITY_BLOCK,
    5 * VERITY_BLOCK - 1,
  ]) {
    const { data, tree, rootHash } = await sample(300);
    await flipBit(tree, at);
    const told = compareVerity({ data, tree, rootHash }).then((problems) => problems.join('; '));
    await expect(told.catch(String), `byte ${at}`).resolves.toMatch(
      /level|image cannot be read back/,
    );
  }
});

test('a tree of other data, a truncated one and one that is too long are refused', async () => {
  const { data, tree, rootHash, bytes } = await sample(300);
  const problems = await compareVerity({ data, tree, rootHash: '0'.repeat(64) });
  expect(problems).toEqual(['block 0 of level 0 of its tree does not match the level above it']);
  const other = await sample(299);
  await expect(compareVerity({ data, tree: other.tree, rootHash })).rejects.toThrow(
    'it is of 299 blocks of 4096 bytes, not of 1228800 bytes',
  );
  for (const odd of [bytes.subarray(0, -1), Buffer.alloc(0), Buffer.concat([bytes, bytes])]) {
    await writeFile(tree, odd);
    await expect(compareVerity({ data, tree, rootHash })).rejects.toThrow('cannot be read back');
  }
});

test('data that is not whole blocks is refused', async () => {
  const file = join(await temporaryFolder(), 'data');
  for (const size of [0, 1, 4097]) {
    await writeFile(file, Buffer.alloc(size));
    await expect(makeVerityTree(file)).rejects.toThrow(`a file of ${size} bytes has no hash tree`);
  }
});

test('the requests to the device mapper create a device that is verified by the tree', () => {
  const { create, load, resume, remove } = makeVerityRequests({
    rootHash: 'ab'.repeat(32),
    dataBlocks: 10,
  });
  // dm-ioctl.h: _IOWR(0xfd, 3, struct dm_ioctl), and so on.
  const numbers = [create, remove, resume, load].map((one) => one.readUInt32LE(0).toString(16));
  expect(numbers).toEqual(['c138fd03', 'c138fd04', 'c138fd06', 'c138fd09']);
  for (const one of [create, load, resume, remove]) {
    expect(one.readUInt32LE(8 + 12), 'data_size').toBe(one.length - 8);
    expect(one.toString('latin1', 8 + 48, 8 + 54)).toBe('system');
    expect(one.length).toBeLessThanOrEqual(4096);
  }
  const target = load.subarray(8 + 312);
  expect([target.readBigUInt64LE(0), target.readBigUInt64LE(8)]).toEqual([0n, 80n]);
  expect(target.toString('latin1', 24).replace(/\0+/, ' ').replace(/\0+$/, '')).toBe(
    `verity 1 7:1 7:2 4096 4096 10 1 sha256 ${'ab'.repeat(32)} -`,
  );
});

test.skipIf(!canRunHere(ARCHITECTURES[DEFAULT_ARCHITECTURE]))(
  'the program for these requests makes an ioctl on file descriptor 3, and exits with the error number',
  async () => {
    const folder = await temporaryFolder();
    const program = join(folder, 'ioctl');
    await writeFile(program, makeIoctlProgram(ARCHITECTURES[DEFAULT_ARCHITECTURE]), {
      mode: 0o755,
    });
    const ask = (request: number, file: string) => {
      const input = Buffer.alloc(24);
      input.writeUInt32LE(request, 0);
      return spawnSync('/bin/sh', ['-c', `exec "$0" 3<>${file}`, program], { input }).status;
    };
    // Every file supports FIOCLEX (asm-generic/ioctls.h); a plain file does not support the device mapper's: ENOTTY.
    expect(ask(0x5451, '/dev/null')).toBe(0);
    expect(ask(0xc138fd03, '/dev/null')).toBe(25);
    // RNDGETENTCNT writes a number: without memory for it, the result would be EFAULT.
    expect(ask(0x80045200, '/dev/random')).toBe(0);
  },
);

test.each(Object.entries(ARCHITECTURES))(
  'the initramfs of %s has the program, and a request for each command',
  async (_, architecture) => {
    const tree = trustTree({ rootHash: sha256('x'), dataBlocks: 3 }, architecture);
    expect(tree.names('etc/verity')).toEqual(['create', 'load', 'remove', 'resume']);
    const program = tree.file('bin/ioctl');
    const bytes = program === undefined ? Buffer.alloc(0) : tree.bytes(program);
    expect(bytes.readUInt16LE(18)).toBe(architecture.elf);
    expect((bytes.length - 120) % (architecture.elf === 183 ? 4 : 1)).toBe(0);
  },
);
