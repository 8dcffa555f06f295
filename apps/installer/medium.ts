import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeMediumPaths } from '../../build/disk/medium-paths.ts';
import { readAhead, splitRegion } from '../../build/disk/overlap.ts';
import { ARCHITECTURE } from '../host/image.ts';
import { readMounts } from '../host/mounts.ts';
import { parseOsRelease } from '../host/os-release.ts';
import { readAttribute, readNames, readText } from '../host/read.ts';
import { InstallError } from './error.ts';
import type { ImageFacts } from './facts.ts';

/** Mount point of the medium that this system runs from. */
export const MEDIUM = '/run/quantix/medium';

/** Paths on the medium. */
export const PATHS = makeMediumPaths('quantix');

/**
 * Position and content of the primary volume descriptor of ECMA-119 (8.4): its identifier, and the offset of its number
 * of blocks.
 */
const DESCRIPTOR = { at: 32_768, bytes: 2048, mark: 'CD001', blocks: 80, block: 2048 };

/** Bytes of an image per read. */
const PIECE = 1024 * 1024;

/** The image that this system runs from. */
export interface Medium {
  facts: ImageFacts;
  base: string;
  architecture: string;
  buildId: string;
  /** Path of the device or file that begins with the image. */
  device: string;
}

/**
 * Finds the medium of this system. Its image is the ISO at the beginning of the device; the ISO contains its own
 * length.
 * @param root folder that contains proc, sys and run
 * @throws InstallError if there is none, or it contains the image's files instead of the image
 */
export async function findMedium(root = '/'): Promise<Medium> {
  const mount = (await readMounts(root)).find(({ path }) => path === MEDIUM);
  if (mount === undefined) {
    throw new InstallError({
      what: 'the medium that this system was started from is not mounted',
      fix: 'Start it anew, without quantix.toram.',
    });
  }
  const device = await deviceOf(root, mount.source);
  const bytes = await imageBytes(device);
  const system = parseOsRelease(await readText(join(root, 'etc/os-release')));
  const mark = (await readNames(join(root, MEDIUM, PATHS.folder))).find((name) =>
    name.startsWith('build-'),
  );
  const [title, product, version] = ['NAME', 'ID', 'VERSION_ID'].map((key) => system.get(key));
  const [labelPrefix, base] = ['QUANTIX_PRODUCT', 'QUANTIX_BASE'].map((key) => system.get(key));
  if (!(mark && title && product && version && labelPrefix && base)) {
    throw new InstallError({
      what: 'this system does not say which image it is',
      where: '/etc/os-release',
    });
  }
  return {
    facts: { product, title, labelPrefix, version, bytes },
    base,
    architecture: ARCHITECTURE,
    buildId: mark.slice('build-'.length),
    device,
  };
}

/** Returns the file or device behind a loop device, or the device itself. */
async function deviceOf(root: string, source: string): Promise<string> {
  const name = source.replace(/^\/dev\//, '');
  const file = await readAttribute(join(root, 'sys/block', name, 'loop/backing_file'));
  return file ?? source;
}

/** Returns the bytes of the ISO at the beginning of a device. @throws InstallError if there is none */
async function imageBytes(device: string): Promise<number> {
  await using file = await open(device, 'r');
  const { at, bytes, mark, blocks, block } = DESCRIPTOR;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, at);
  if (bytesRead < bytes || buffer.toString('latin1', 1, 1 + mark.length) !== mark) {
    throw new InstallError({
      what: 'the medium has the files of the image, and not the image itself',
      where: device,
      fix: 'Write the ISO onto the stick as it is, with `dd` say, and start from that.',
    });
  }
  const size = buffer.readUInt32LE(blocks) * block;
  if (size > 0) return size;
  throw new InstallError({
    what: 'the image on the medium says that it has no bytes',
    where: device,
  });
}

/**
 * Reads an image from the beginning of a device.
 * @returns pieces; each is valid until the next one is requested
 * @throws InstallError if it ends early or cannot be read
 */
export async function* readImage(
  device: string,
  bytes: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  await using file = await open(device, 'r');
  const pieces = readAhead(readPiece, splitRegion({ offset: 0, bytes }, PIECE), signal);
  for await (const { content } of pieces) yield content;

  async function readPiece(offset: number, into: Buffer): Promise<Buffer> {
    for (let done = 0; done < into.length; ) {
      const position = offset + done;
      const { bytesRead } = await file
        .read(into, done, into.length - done, position)
        .catch((cause: unknown) => {
          throw new InstallError({
            what: `the medium cannot be read at byte ${position}`,
            where: device,
            fix: 'Write it anew, or use another one.',
            cause,
          });
        });
      if (bytesRead === 0) {
        throw new InstallError({
          what: `the medium ends after ${position} of ${bytes} bytes`,
          where: device,
        });
      }
      done += bytesRead;
    }
    return into;
  }
}
