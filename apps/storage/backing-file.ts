import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { getErrorCode } from '../process/code-of.ts';
import { parseQcow2Header, QCOW2_HEADER } from './qcow2-header.ts';

/** Folders and devices that are searched for images. */
export interface ImagePlaces {
  /** Folders whose own files are examined, without those of subfolders. */
  readonly folders: readonly string[];
  /** Images in subfolders to examine. */
  readonly images?: readonly string[];
  /** Devices to examine, such as logical volumes: a device can contain a qcow2 image itself. */
  readonly devices: readonly string[];
}

/**
 * Finds an image that has a file or device as its backing file, as a snapshot or a linked clone does. A raw disk counts
 * as such an image if its guest has written a qcow2 header to it; the caller then refuses to remove `file`, although
 * nothing needs it.
 * @param file path of the file or device
 * @returns path of the image; undefined if there is none
 * @throws errors of the disk
 */
export async function findImageBackedBy(
  file: string,
  { folders, images = [], devices }: ImagePlaces,
): Promise<string | undefined> {
  const isBackedByIt = async (image: string) => {
    const names = await readBackingFile(image);
    return await isAmong(
      file,
      names.map((name) => resolve(dirname(image), name)),
    );
  };
  for (const folder of folders) {
    for (const name of await readdir(folder)) {
      const image = join(folder, name);
      if (image !== file && (await lstatIfThere(image))?.isFile() && (await isBackedByIt(image))) {
        return image;
      }
    }
  }
  for (const image of images) {
    if ((await lstatIfThere(image))?.isFile() && (await isBackedByIt(image))) return image;
  }
  for (const device of devices) {
    if (device !== file && (await isBackedByIt(device))) return device;
  }
  return undefined;
}

/**
 * Returns whether one of the paths leads to the file or device, even under another name: `/dev/mapper/vg0-web` is
 * `/dev/vg0/web`. Only devices, and files of the same name, are looked at: other paths may be on a server that does not
 * answer.
 * @throws errors of the disk
 */
export async function isAmong(file: string, paths: Iterable<string>): Promise<boolean> {
  const isDevice = file.startsWith('/dev/');
  for (const path of paths) {
    if (path === file) return true;
    const mayBe = isDevice ? path.startsWith('/dev/') : basename(path) === basename(file);
    if (mayBe && (await isSameFile(path, file))) return true;
  }
  return false;
}

/** Reads the paths of the backing files of a qcow2 image; returns none for any other file. */
async function readBackingFile(path: string): Promise<string[]> {
  let image: FileHandle;
  try {
    image = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
  try {
    const read = async (offset: number, length: number) => {
      const { buffer, bytesRead } = await image.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    const place = parseQcow2Header(await read(0, QCOW2_HEADER))?.backingFile;
    if (place === undefined) return [];
    return parseBackingFile((await read(place.offset, place.length)).toString('utf8'));
  } finally {
    await image.close();
  }
}

/**
 * Parses the name of a backing file as QEMU writes it: a path, `file:PATH`, or `json:` with one or more values
 * `filename`. Names of other kinds, such as `nbd://…`, are returned like paths.
 */
export function parseBackingFile(name: string): string[] {
  if (!name.startsWith('json:')) return [name.replace(/^file:/, '')];
  return [...name.matchAll(/"(?:file\.)?filename"\s*:\s*("(?:[^"\\]|\\.)*")/g)].flatMap(
    ([, text = '']) => {
      try {
        return [String(JSON.parse(text))];
      } catch {
        // Not a string of JSON.
        return [];
      }
    },
  );
}

async function lstatIfThere(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([stat(one), stat(other)]);
    // A device may have several nodes.
    if (a.isBlockDevice() && b.isBlockDevice()) return a.rdev === b.rdev;
    return a.dev === b.dev && a.ino === b.ino;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT' || getErrorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}
