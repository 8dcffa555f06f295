import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeAtomically } from '../process/atomic-write.ts';
import { hashFile } from '../process/hash-file.ts';
import { appendStream, writeStream } from '../process/write-stream.ts';
import { tarStream } from '../tree/tar-stream.ts';
import type { Tree } from '../tree/tree.ts';
import { type OciImage, writeOciArchive } from './oci.ts';
import type { ReleaseFormatName } from './release-formats.ts';

/** Input of `writeRootfsFormats`. */
export interface RootfsFormatsRequest {
  tree: Tree;
  /** Output path of each requested format. */
  paths: Readonly<Partial<Record<ReleaseFormatName, string>>>;
  image: OciImage;
  signal?: AbortSignal | undefined;
}

/**
 * Writes a root filesystem as tar and as OCI image; each file is complete or missing, and the tree is read only once.
 * The same request gives the same bytes.
 * @returns format → SHA-256, hex
 * @throws BuildError if the disk is full, or a file of the tree cannot be read
 */
export async function writeRootfsFormats(
  request: RootfsFormatsRequest,
): Promise<Partial<Record<ReleaseFormatName, string>>> {
  const { image, paths, signal } = request;
  const { rootfs, oci } = paths;
  const chunks = () => chunksOf(request);
  if (oci === undefined) {
    if (rootfs === undefined) return {};
    const { sha256 } = await makeAtomically(rootfs, (file) => writeStream(file, chunks()));
    return { rootfs: sha256 };
  }
  const writeOci = (tar: AsyncIterable<Uint8Array>) =>
    makeAtomically(oci, async (path) => {
      {
        await using file = await open(path, 'w');
        await writeOciArchive(file, image, tar);
      }
      return (await hashFile(path, [], signal)).whole;
    });
  if (rootfs === undefined) return { oci: await writeOci(chunks()) };
  return makeAtomically(rootfs, async (path) => {
    await using file = await open(path, 'w');
    const hash = createHash('sha256');
    async function* both() {
      for await (const chunk of chunks()) {
        await appendStream([file], [chunk]);
        hash.update(chunk);
        yield chunk;
      }
    }
    const written = await writeOci(both());
    return { rootfs: hash.digest('hex'), oci: written };
  });
}

async function* chunksOf({ tree, image, signal }: RootfsFormatsRequest): AsyncGenerator<Buffer> {
  for (const chunk of tarStream(tree, image.epoch)) {
    yield chunk;
    // Handle Ctrl-C now: writing a tar blocks the event loop.
    await nextTurn(undefined, { signal });
  }
}
