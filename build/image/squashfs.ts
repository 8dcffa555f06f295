import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Architecture } from '../architecture.ts';
import { assertAudited } from '../audit/audit.ts';
import { makeAtomically } from '../process/atomic-write.ts';
import { isRoot } from '../process/environment.ts';
import { feedTool } from '../process/feed.ts';
import type { Tool } from '../process/tools.ts';
import type { ExpectedContent } from '../readback/compare.ts';
import { verifySquashfs } from '../readback/squashfs/verify.ts';
import { defineStep } from '../step/step.ts';
import { ContentReader } from '../tree/content.ts';
import { tarSize, tarStream } from '../tree/tar-stream.ts';
import type { Tree } from '../tree/tree.ts';
import { type Compression, type ImageWork, pickToolVersions } from './facts.ts';
import {
  assembleRootfs,
  makeAuditOptions,
  type RootfsFacts,
  type RootfsInputs,
  readRootfs,
} from './rootfs.ts';
import { assertFitsSquashfs } from './squashfs-limits.ts';

/** Settings that are fast to write and to read, for development. */
export const QUICK: Compression = {
  algorithm: 'zstd',
  args: ['-comp', 'zstd', '-Xcompression-level', '3', '-b', '128K'],
};

/** Returns the settings for the smallest file: for releases. */
export function chooseSmallest({ branchFilter }: Architecture): Compression {
  const filter = branchFilter === undefined ? [] : ['-Xbcj', branchFilter];
  return { algorithm: 'xz', args: ['-comp', 'xz', ...filter, '-b', '1M'] };
}

/** Output file of the step. */
export const SQUASHFS_FILE = 'system.squashfs';

/**
 * Step that makes the root filesystem as squashfs.
 * Throws a BuildError if packages contradict each other or the audit finds something.
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
  const { threads, signal, onProgress } = work;
  using reader = new ContentReader();
  const tree = assembleRootfs(inputs, work, reader);
  // Handle Ctrl-C now: building a tree blocks the event loop.
  await nextTurn(undefined, { signal });
  assertAudited(tree, makeAuditOptions(inputs));
  await nextTurn(undefined, { signal });
  const file = join(directory, SQUASHFS_FILE);
  await writeSquashfs(tree, file, { compression, epoch, threads, signal, onProgress });
  assembled.set(inputs, { entries: tree.entries(), epoch });
}

/** Inputs → the tree that was built from them, until it has been compared with the squashfs. */
const assembled = new WeakMap<RootfsInputs, ExpectedContent>();

/** Compares the squashfs with its tree; the tree is built again if an earlier build ended before the comparison. */
async function checkSquashfs(
  directory: string,
  inputs: ReturnType<typeof readSquashfs>,
  work: ImageWork,
): Promise<void> {
  const expected = assembled.get(inputs) ?? expectedBy(inputs, work);
  assembled.delete(inputs);
  await verifySquashfs(join(directory, SQUASHFS_FILE), expected, work.signal);
}

function expectedBy(inputs: RootfsInputs, work: ImageWork): ExpectedContent {
  using reader = new ContentReader();
  return { entries: assembleRootfs(inputs, work, reader).entries(), epoch: inputs.epoch };
}

/** Options of `writeSquashfs`. */
export interface SquashfsOptions {
  compression: Compression;
  /** Time stamp of all files and of the file system, in seconds since 1970. */
  epoch: number;
  /** Threads that compress; as many as there are processors if absent. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Receives the number of bytes of the tar that mksquashfs has received, and the size of the tar. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Writes a tree as a squashfs file system: it is streamed as a tar into mksquashfs, nothing is unpacked. The same tree,
 * time stamp and mksquashfs give the same bytes, independent of the user and of the number of threads.
 * @throws BuildError if a squashfs cannot hold the tree, or mksquashfs is missing or fails (for example, if the disk is
 *   full)
 */
export async function writeSquashfs(
  tree: Tree,
  file: string,
  { compression, epoch, threads, signal, onProgress }: SquashfsOptions,
): Promise<void> {
  assertFitsSquashfs(tree);
  const total = tarSize(tree);
  await makeAtomically(file, (temporary) =>
    feedTool(
      makeSquashfsCommand(temporary, compression, { threads }),
      tarStream(tree, epoch, { reuse: true }),
      {
        env: { SOURCE_DATE_EPOCH: String(epoch) },
        signal,
        onBytes: (done) => onProgress?.(Math.min(done, total), total),
      },
    ),
  );
}

/**
 * Returns the command that reads a tar and writes a squashfs. In tar mode, mksquashfs 4.5 ignores `-root-uid` and makes
 * the current user the owner of the root directory; users other than root therefore run it under fakeroot.
 */
export function makeSquashfsCommand(
  file: string,
  compression: Compression,
  { root = isRoot(), threads }: { root?: boolean; threads?: number | undefined } = {},
): [Tool, ...string[]] {
  const args = ['-', file, '-tar', '-noappend', '-root-mode', '755', '-no-progress', '-quiet'];
  const bound = threads === undefined ? [] : ['-processors', String(threads)];
  const rest = [...args, ...bound, ...compression.args];
  return root ? ['mksquashfs', ...rest] : ['fakeroot', '--', 'mksquashfs', ...rest];
}
