import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHITECTURES, type Architecture } from '../architecture.ts';
import { compareCpio } from '../readback/cpio.ts';
import { assertNone } from '../readback/verdict.ts';
import { compareVerity } from '../readback/verity.ts';
import { defineStep, type Step } from '../step/step.ts';
import { ContentReader } from '../tree/content.ts';
import { Tree } from '../tree/tree.ts';
import { makeCpioArchive } from './cpio.ts';
import { makeIoctlProgram, makeVerityRequests } from './device-mapper.ts';
import type { ImageFacts, ImageWork } from './facts.ts';
import { INITRAMFS_FILE } from './initramfs.ts';
import { SQUASHFS_FILE } from './squashfs.ts';
import { makeVerityTree, type VerityTree } from './verity-tree.ts';

/** Output file of the step, in addition to the initramfs with the root hash. */
export const VERITY_FILE = 'system.verity';

/** The facts, and the preceding steps. */
export interface VerityFacts extends ImageFacts {
  squashfs: Step;
  initramfs: Step;
}

/**
 * Step that makes the hash tree of the root filesystem, and the initramfs with its root hash, which accepts no other
 * root filesystem.
 * Throws a BuildError if either differs when read back.
 */
export const planVerity = defineStep({
  name: 'verity',
  module: import.meta.filename,
  read: readVerity,
  make: makeVerity,
  check: checkVerity,
});

type VerityInputs = ReturnType<typeof readVerity>;

function readVerity({ squashfs, initramfs, profile, lock }: VerityFacts) {
  const { elf, ioctl } = ARCHITECTURES[profile.architecture];
  return {
    squashfs,
    initramfs,
    architecture: { elf, ioctl },
    epoch: lock.sourceDateEpoch,
  };
}

async function makeVerity(
  directory: string,
  inputs: VerityInputs,
  { made, signal }: ImageWork,
): Promise<void> {
  const { squashfs, initramfs, architecture, epoch } = inputs;
  const system = join(made(squashfs), SQUASHFS_FILE);
  const tree = await makeVerityTree(system, signal);
  rootHashes.set(inputs, tree.rootHash);
  await writeFile(join(directory, VERITY_FILE), tree.bytes);
  const trust = trustTree(tree, architecture);
  const archive = makeCpioArchive(trust, epoch);
  const rest = await readFile(join(made(initramfs), INITRAMFS_FILE));
  const target = join(directory, INITRAMFS_FILE);
  await writeFile(target, [archive, rest]);
  const written = (await readFile(target)).subarray(0, archive.length);
  assertNone(compareCpio(written, trust, { epoch, where: target }), {
    what: 'the initramfs',
    where: target,
  });
}

/** Inputs → root hash of their tree, until the tree has been read back. */
const rootHashes = new WeakMap<VerityInputs, string>();

/**
 * Verifies the root filesystem with its hash tree; recomputes the root hash if an earlier build ended before this
 * check.
 */
async function checkVerity(
  directory: string,
  inputs: VerityInputs,
  { made, signal }: ImageWork,
): Promise<void> {
  const data = join(made(inputs.squashfs), SQUASHFS_FILE);
  const rootHash = rootHashes.get(inputs) ?? (await makeVerityTree(data, signal)).rootHash;
  rootHashes.delete(inputs);
  const tree = join(directory, VERITY_FILE);
  const problems = await compareVerity({ data, tree, rootHash }, signal);
  assertNone(problems, { what: 'the hash tree of the root filesystem', where: tree });
}

/**
 * Returns the part of the initramfs that refers to one root filesystem. This part comes first and is not compressed:
 * the kernel unpacks several concatenated archives (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
 */
export function trustTree(
  verity: Pick<VerityTree, 'rootHash' | 'dataBlocks'>,
  architecture: Pick<Architecture, 'elf' | 'ioctl'>,
): Tree {
  const tree = new Tree(new ContentReader());
  const owned = { uid: 0, gid: 0, origin: 'verity' };
  const add = (path: string, bytes: Buffer, mode = 0o644) =>
    tree.add({
      ...{ ...owned, path, mode, type: 'file', size: bytes.length },
      content: { in: 'memory', bytes },
    });
  for (const path of ['bin', 'etc', 'etc/verity']) {
    tree.add({ ...owned, path, mode: 0o755, type: 'directory' });
  }
  add('bin/ioctl', makeIoctlProgram(architecture), 0o755);
  for (const [command, bytes] of Object.entries(makeVerityRequests(verity))) {
    add(`etc/verity/${command}`, bytes);
  }
  return tree;
}
