import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Architecture } from '../architecture.ts';
import { assertAudited } from '../audit/audit.ts';
import { makeAtomically } from '../process/atomic-write.ts';
import { isRoot } from '../process/environment.ts';
import { feed } from '../process/feed.ts';
import type { Tool } from '../process/tools.ts';
import type { Meant } from '../readback/compare.ts';
import { verifySquashfs } from '../readback/squashfs/verify.ts';
import { defineStep } from '../step/step.ts';
import { ContentReader } from '../tree/content.ts';
import { tarSize, tarStream } from '../tree/tar-stream.ts';
import type { Tree } from '../tree/tree.ts';
import { type Compression, type ImageWork, pickToolVersions } from './facts.ts';
import {
  assembleRootfs,
  auditOptions,
  type RootfsFacts,
  type RootfsInputs,
  readRootfs,
} from './rootfs.ts';
import { assertFitsSquashfs } from './squashfs-limits.ts';

/** Fast to make and to read: for development. */
export const QUICK: Compression = {
  algorithm: 'zstd',
  args: ['-comp', 'zstd', '-Xcompression-level', '3', '-b', '128K'],
};

/** As small as it gets: for releases. */
export function smallest({ branchFilter }: Architecture): Compression {
  const filter = branchFilter === undefined ? [] : ['-Xbcj', branchFilter];
  return { algorithm: 'xz', args: ['-comp', 'xz', ...filter, '-b', '1M'] };
}

/** File that the step makes. */
export const SQUASHFS_FILE = 'system.squashfs';

/**
 * The root filesystem as squashfs.
 * Making it throws a BuildError if parts contradict each other or the audit finds something.
 */
export const planSquashfs = defineStep({
  name: 'squashfs',
  module: import.meta.filename,
  read: readSquashfs,
  make: makeSquashfs,
  check: checkSquashfs,
});

function readSquashfs(facts: RootfsFacts) {
  const { compression } = facts;
  return { ...readRootfs(facts), compression, tool: pickToolVersions(facts, 'mksquashfs') };
}

async function makeSquashfs(
  directory: string,
  inputs: ReturnType<typeof readSquashfs>,
  work: ImageWork,
): Promise<void> {
  const { compression, epoch } = inputs;
  const { signal, onProgress } = work;
  using reader = new ContentReader();
  const tree = assembleRootfs(inputs, work, reader);
  // Nothing is heard of Ctrl-C while a tree is put together.
  await nextTurn(undefined, { signal });
  assertAudited(tree, auditOptions(inputs));
  await nextTurn(undefined, { signal });
  const file = join(directory, SQUASHFS_FILE);
  await writeSquashfs(tree, file, { compression, epoch, signal, onProgress });
  assembled.set(inputs, { entries: tree.entries(), epoch });
}

/** What was put together from inputs, until it was read back. */
const assembled = new WeakMap<RootfsInputs, Meant>();

/** Compares the squashfs with its tree, which is put together anew if an earlier build was cut off before it did so. */
async function checkSquashfs(
  directory: string,
  inputs: ReturnType<typeof readSquashfs>,
  work: ImageWork,
): Promise<void> {
  const meant = assembled.get(inputs) ?? meantBy(inputs, work);
  assembled.delete(inputs);
  await verifySquashfs(join(directory, SQUASHFS_FILE), meant, work.signal);
}

function meantBy(inputs: RootfsInputs, work: ImageWork): Meant {
  using reader = new ContentReader();
  return { entries: assembleRootfs(inputs, work, reader).entries(), epoch: inputs.epoch };
}

export interface SquashfsOptions {
  compression: Compression;
  /** Time stamp of all files and of the file system, seconds since 1970. */
  epoch: number;
  signal?: AbortSignal | undefined;
  /** Bytes of the tar handed over so far, and in all. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Writes a tree as a squashfs file system: streamed as a tar into mksquashfs, nothing is unpacked.
 * The same tree, time stamp and mksquashfs give the same bytes, whoever runs it.
 * @throws BuildError if a squashfs cannot hold something of it, or mksquashfs is missing or fails (a full disk, say)
 */
export async function writeSquashfs(
  tree: Tree,
  file: string,
  { compression, epoch, signal, onProgress }: SquashfsOptions,
): Promise<void> {
  assertFitsSquashfs(tree);
  const total = tarSize(tree);
  await makeAtomically(file, (temporary) =>
    feed(squashfsCommand(temporary, compression), tarStream(tree, epoch, { reuse: true }), {
      env: { SOURCE_DATE_EPOCH: String(epoch) },
      signal,
      onBytes: (done) => onProgress?.(Math.min(done, total), total),
    }),
  );
}

/**
 * The command that reads a tar and writes a squashfs. In tar mode mksquashfs 4.5 gives the root directory to
 * whoever runs it and ignores `-root-uid`; anyone but root therefore runs it under fakeroot.
 */
export function squashfsCommand(
  file: string,
  compression: Compression,
  { root = isRoot() }: { root?: boolean } = {},
): [Tool, ...string[]] {
  const args = ['-', file, '-tar', '-noappend', '-root-mode', '755', '-no-progress', '-quiet'];
  const rest = [...args, ...compression.args];
  return root ? ['mksquashfs', ...rest] : ['fakeroot', '--', 'mksquashfs', ...rest];
}
