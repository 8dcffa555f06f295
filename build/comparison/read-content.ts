import { createReadStream, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { Lock } from '../contract/lock.ts';
import type { BlockDevice } from '../disk/block-device.ts';
import { sliceDevice } from '../disk/block-device.ts';
import { readBootState } from '../disk/boot-state.ts';
import { readGpt } from '../disk/gpt.ts';
import { findPartition } from '../disk/layout.ts';
import { isSystemPath } from '../disk/medium-paths.ts';
import { readLayout } from '../disk/read-layout.ts';
import { readTrailer } from '../disk/slot-trailer.ts';
import { BuildError } from '../error.ts';
import { INITRAMFS_PATH } from '../image/grub-model.ts';
import { parseLock } from '../lock/file.ts';
import { run } from '../process/run.ts';
import { makeScratchFolder } from '../process/scratch-folder.ts';
import { FileRange } from '../readback/file-range.ts';
import { readIso9660 } from '../readback/iso9660.ts';
import type { Content, ContentNode, Part } from './content.ts';
import {
  type ReadPart,
  readEsp,
  readInitramfsPart,
  readMedium,
  readRootfs,
  readRootfsTar,
  type Wanted,
} from './nodes.ts';
import { INSTALLED, readPackages } from './packages.ts';
import {
  IN_SETTINGS,
  readInitramfsSettings,
  readMediumSettings,
  readRootfsSettings,
} from './settings.ts';

/** Type of an EFI system partition (UEFI 2.10, 5.3.3). */
const ESP_TYPE = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';

/** Possible sector sizes of a disk image in bytes. */
const SECTOR_SIZES = [512, 4096];

/** Maximum number of bytes of a lock. */
const LARGEST_LOCK = 64 * 1024 * 1024;

/** Options for reading a content. */
export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Receives lines for the user: which slot of a disk is read, and that the packages of an image are unknown. */
  say: (line: string) => void;
  /**
   * Reads only what is needed for the sizes of the files, which takes a fraction of the time: most hashes are empty,
   * packages are unknown, and settings incomplete.
   */
  sizesOnly?: boolean | undefined;
}

/** Types of files, recognised by their first bytes. */
type Kind = 'lock' | 'qcow2' | 'iso' | 'squashfs' | 'tar' | 'tar.gz' | 'tar.zst' | 'disk';

/**
 * Reads the content of an image or a lock for a comparison: an ISO, a disk with an image installed (raw or qcow2), a
 * root filesystem (tar, plain or compressed with gzip or zstd, or squashfs), or a lock. Nothing is mounted or unpacked.
 * @throws BuildError if the file cannot be read, or has another format
 */
export async function readContent(file: string, options: ReadOptions): Promise<Content> {
  const size = sizeOf(file);
  try {
    const kind = kindOf(file);
    if (kind === 'lock') return readLockContent(file, size);
    if (kind === 'qcow2') return await readQcow2(file, options);
    if (kind === 'tar' || kind === 'tar.gz' || kind === 'tar.zst') {
      const chunks = refuseOtherForms(tarChunks(file, kind, options), file);
      const part = await readRootfsTar(chunks, wanted(options).isReported, file);
      return contentOf(file, new Map([['rootfs', part]]), options);
    }
    using range = FileRange.open(file);
    return await readImage(file, range, kind, options);
  } catch (error) {
    throw explained(error, file);
  }
}

const isReported = (path: string): boolean => IN_SETTINGS.has(path) || path === INSTALLED;

function wanted({ sizesOnly = false }: ReadOptions): Wanted {
  return sizesOnly ? { hashes: false, isReported: () => false } : { hashes: true, isReported };
}

function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new BuildError({ what: 'there is no such file', where: file });
  if (found.isFile()) return found.size;
  throw new BuildError({
    what: 'this is not a file',
    where: file,
    fix: 'Name an image, a root filesystem as tar, or a lock.',
  });
}

function kindOf(file: string): Kind {
  using range = FileRange.open(file);
  const bytes = (offset: number, length: number): string =>
    range.size < offset + length ? '' : range.read(offset, length).toString('latin1');
  const known: readonly [Kind, boolean][] = [
    ['qcow2', bytes(0, 4) === 'QFI\xfb'],
    ['squashfs', bytes(0, 4) === 'hsqs'],
    ['iso', bytes(0x8001, 5) === 'CD001'],
    ['tar.gz', bytes(0, 2) === '\x1f\x8b'],
    ['tar.zst', bytes(0, 4) === '\x28\xb5\x2f\xfd'],
    ['tar', bytes(257, 5) === 'ustar'],
    ['disk', SECTOR_SIZES.some((size) => bytes(size, 8) === 'EFI PART')],
    ['lock', /^\s*\{/.test(bytes(0, Math.min(range.size, 64)))],
  ];
  const kind = known.find(([, is]) => is)?.[0];
  if (kind !== undefined) return kind;
  throw new BuildError({
    what: 'this is neither an image nor a lock',
    where: file,
    fix: 'Name an ISO, a raw or qcow2 disk, a root filesystem as tar or squashfs, or a lock.',
  });
}

/** Adapts an error about a damaged image: the original message assumes that the image was just built. */
function explained(error: unknown, file: string): unknown {
  if (!(error instanceof BuildError) || !error.what.startsWith('the image cannot be read back')) {
    return error;
  }
  return new BuildError({
    what: error.what.replace('cannot be read back', 'cannot be read'),
    where: file,
    fix: 'It is damaged, or was not made by this builder: download or build it again.',
    cause: error,
  });
}

function readLockContent(file: string, size: number): Content {
  if (size > LARGEST_LOCK)
    throw new BuildError({ what: 'this is too large for a lock', where: file });
  const lock = parseLock(readFileSync(file, 'utf8'), file);
  return { file, packages: lock.packages, settings: lockSettings(lock), parts: new Map() };
}

function lockSettings(lock: Lock): Map<string, string> {
  const { profile, base, architecture, sourceDateEpoch, repositories, request } = lock;
  return new Map([
    ...Object.entries({ profile, base, architecture }),
    ['time of all files', new Date(sourceDateEpoch * 1000).toISOString()],
    ['suite', request.suite],
    ...Object.entries(request.kernel).flatMap(([flavour, name]) =>
      name === undefined ? [] : [[`kernel package of ${flavour}`, name] as const],
    ),
    ...Object.entries(request.flavours ?? {}).flatMap(([flavour, names = []]) =>
      names.map((name) => [`wanted ${name} (${flavour})`, 'yes'] as const),
    ),
    ...request.packages.map((name) => [`wanted ${name}`, 'yes'] as const),
    ...request.without.map((name) => [`unwanted ${name}`, 'yes'] as const),
    ...Object.entries(repositories).map(
      ([name, { suite, date }]) => [`repository ${name}`, `${suite} of ${date}`] as const,
    ),
  ]);
}

/** Converts a qcow2 to a raw file, which can be read at any offset; unused space takes no space on disk. */
async function readQcow2(file: string, options: ReadOptions): Promise<Content> {
  const folder = await makeScratchFolder('qx-build-diff-');
  try {
    const raw = join(folder, 'disk.raw');
    const { signal } = options;
    await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', file, raw], { signal });
    using range = FileRange.open(raw);
    return await readImage(file, range, 'disk', options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readImage(
  file: string,
  range: FileRange,
  kind: 'iso' | 'squashfs' | 'disk',
  options: ReadOptions,
): Promise<Content> {
  if (kind === 'squashfs') {
    const rootfs = await readRootfs(range, wanted(options), file);
    return contentOf(file, new Map([['rootfs', rootfs]]), options);
  }
  const iso = kind === 'iso' ? range : await bootedSlot(file, range, options);
  return readIso(file, iso, options);
}

/** Finds the ISO in the slot that an installed disk boots. */
async function bootedSlot(
  file: string,
  range: FileRange,
  { say }: ReadOptions,
): Promise<FileRange> {
  for (const sectorSize of SECTOR_SIZES) {
    const device = deviceOf(range, sectorSize);
    const layout = await readLayout(device);
    if (layout === undefined) continue;
    const part = (role: 'efi' | 'a' | 'b') => {
      const { offset, bytes } = findPartition(layout, role);
      return { offset, device: sliceDevice(device, offset, bytes) };
    };
    const slot = (await readBootState(part('efi').device))?.good ?? 'a';
    const { offset, device: content } = part(slot);
    const trailer = await readTrailer(content);
    if (trailer === undefined) {
      throw new BuildError({ what: `slot ${slot} of the disk has no image`, where: file });
    }
    say(`${file}: slot ${slot}, ${trailer.product} ${trailer.version}`);
    return range.part(offset, trailer.imageBytes);
  }
  throw new BuildError({
    what: 'no appliance is installed on this disk',
    where: file,
    fix: 'Name an ISO, or a disk that this builder or its installer wrote.',
  });
}

function deviceOf(range: FileRange, sectorSize: number): BlockDevice {
  const refuse = async () => {
    throw new Error('a disk that is compared is not written to');
  };
  return {
    ...{ sectorSize, bytes: range.size, write: refuse, flush: refuse },
    read: async (offset, length) => range.read(offset, length),
  };
}

async function readIso(file: string, range: FileRange, options: ReadOptions): Promise<Content> {
  const iso = readIso9660(range, file);
  const medium = readMedium(range, iso, wanted(options));
  const partOf = (is: (path: string) => boolean) => {
    const node = iso.nodes.find((one) => is(`/${one.path}`));
    return node === undefined ? undefined : range.part(node.offset, node.size);
  };
  const [system, initramfs] = [partOf(isSystemPath), partOf((path) => path === INITRAMFS_PATH)];
  const parts = new Map<Part, ReadPart>([['medium', medium]]);
  if (system !== undefined) parts.set('rootfs', await readRootfs(system, wanted(options), file));
  if (initramfs !== undefined) {
    parts.set('initramfs', readInitramfsPart(initramfs, wanted(options).isReported, file));
  }
  const esp = (await readGpt(deviceOf(range, 512)))?.partitions.find(
    ({ type }) => type === ESP_TYPE,
  );
  if (esp !== undefined) {
    const nodes = readEsp(range.part(esp.offset, esp.bytes), file);
    parts.set('esp', { nodes, texts: new Map() });
  }
  return contentOf(file, parts, { ...options, volumeId: iso.volumeId });
}

/** Builds the content of an image from its parts: their paths, and settings from their texts. */
function contentOf(
  file: string,
  parts: ReadonlyMap<Part, ReadPart>,
  { say, sizesOnly, volumeId }: ReadOptions & { volumeId?: string | undefined },
): Content {
  const textsOf = (part: Part) => parts.get(part)?.texts ?? new Map<string, string>();
  const rootfs = parts.get('rootfs');
  const settings = new Map([
    ...readRootfsSettings(rootfs?.nodes ?? [], textsOf('rootfs')),
    ...readInitramfsSettings(textsOf('initramfs')),
    ...readMediumSettings(volumeId, textsOf('medium')),
  ]);
  const nodes = [...parts].map(([part, read]): [Part, readonly ContentNode[]] => [
    part,
    read.nodes,
  ]);
  const packages =
    sizesOnly === true ? undefined : readPackages(file, textsOf('rootfs').get(INSTALLED), say);
  return { file, packages, settings, parts: new Map(nodes) };
}

/**
 * Release formats that are a tar, or look like one, but not a tar of a root filesystem; recognised by their first
 * bytes.
 */
const OTHER_FORMS: readonly { name: string; is: (head: Buffer, firstName: string) => boolean }[] = [
  { name: 'an OVA', is: (_, first) => first.endsWith('.ovf') },
  { name: 'a set of files to boot from a network', is: (_, first) => first === 'boot.ipxe' },
  {
    name: 'an OCI image',
    is: (_, first) => /^(\.\/)?(blobs\/sha256\/|oci-layout$|index\.json$)/.test(first),
  },
  {
    name: 'a compressed disk',
    is: (head) =>
      SECTOR_SIZES.some((size) => head.toString('latin1', size, size + 8) === 'EFI PART'),
  },
];

/** Bytes needed to recognise these formats. */
const HEAD = 4096 + 8;

/** @throws BuildError if the data are another format of an image instead of a root filesystem */
async function* refuseOtherForms(
  chunks: AsyncIterable<Buffer>,
  where: string,
): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (head !== undefined) {
      head = Buffer.concat([head, chunk]);
      if (head.length < HEAD) continue;
      refuseOtherForm(head, where);
    }
    yield head ?? chunk;
    head = undefined;
  }
  if (head === undefined) return;
  refuseOtherForm(head, where);
  yield head;
}

function refuseOtherForm(head: Buffer, where: string): void {
  const firstName = head.toString('latin1', 0, 100).replace(/\0.*$/s, '');
  const form = OTHER_FORMS.find(({ is }) => is(head, firstName));
  if (form === undefined) return;
  throw new BuildError({
    what: `this is ${form.name}, and its content cannot be compared`,
    where,
    fix: 'Compare the ISO, the qcow2 or the tar of the root filesystem of the same image: they hold the same system.',
  });
}

async function* tarChunks(
  file: string,
  kind: 'tar' | 'tar.gz' | 'tar.zst',
  { signal }: ReadOptions,
): AsyncGenerator<Buffer> {
  const plain = createReadStream(file, { highWaterMark: 1024 * 1024, signal });
  if (kind === 'tar') {
    yield* plain;
    return;
  }
  const unpacker = kind === 'tar.gz' ? createGunzip() : createZstdDecompress();
  plain.on('error', (error) => unpacker.destroy(error));
  try {
    for await (const chunk of plain.pipe(unpacker)) yield chunk;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new BuildError({
      what: `it does not decompress: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: file,
      fix: 'It is damaged: download or build it again.',
      cause,
    });
  } finally {
    plain.destroy();
  }
}
