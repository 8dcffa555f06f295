import { Header } from 'tar';
import { hashFile } from '../process/hash-file.ts';
import { Cursor } from './cursor.ts';
import { FileRange } from './file-range.ts';
import { unreadable } from './verdict.ts';

const BLOCK = 512;
/** Largest descriptor or manifest that is read, in bytes. */
const LONGEST_TEXT = 1024 * 1024;
/** VMware requires that the memory of a machine is a multiple of this number of MiB. */
const MEMORY_STEP = 4;

/** A file in an archive. */
interface Member {
  path: string;
  /** Position of its data. */
  offset: number;
  /** In bytes. */
  size: number;
}

/** Result of `checkOva`. */
export interface OvaCheck {
  /** SHA-256 of the archive, hex. */
  sha256: string;
  /** Why an import would fail, one clause each. */
  problems: string[];
}

/**
 * Checks an OVA as importers of VMware do (DSP0243 2.1.1, "OVF package"): a plain ustar of descriptor, manifest and
 * disk, in this order, whose names, sizes and hashes are those that descriptor and manifest state. The file is read
 * once.
 * @throws BuildError if it is not such an archive
 */
export async function checkOva(file: string, signal?: AbortSignal): Promise<OvaCheck> {
  using archive = FileRange.open(file);
  const [descriptor, atManifest] = readMember(archive, { at: 0, ending: '.ovf' }, file);
  const [manifest, atDisk] = readMember(archive, { at: atManifest, ending: '.mf' }, file);
  const [disk, end] = readMember(archive, { at: atDisk, ending: '-disk1.vmdk' }, file);
  if (end + 2 * BLOCK !== archive.size || archive.read(end, 2 * BLOCK).some((byte) => byte !== 0)) {
    throw unreadable('it does not end after its disk', file);
  }
  const { whole, parts } = await hashFile(file, [descriptor, disk], signal);
  const hashes = [descriptor, disk].map(({ path }, index) => `SHA256(${path})= ${parts[index]}\n`);
  const problems = checkDescriptor(readText(archive, descriptor, file), {
    disk,
    capacity: readCapacity(archive, disk, file),
  });
  // ESXi accepts no blank before the bracket, vCenter no SHA-1, and neither of them a manifest that lists itself.
  if (readText(archive, manifest, file) !== hashes.join('')) {
    problems.push(
      `${manifest.path} does not have the SHA-256 of descriptor and disk, and only these`,
    );
  }
  return { sha256: whole, problems };
}

/** Reads the header of a file. @returns the file, and the position after it */
function readMember(
  archive: FileRange,
  { at, ending }: { at: number; ending: string },
  where: string,
): [Member, number] {
  const block = archive.read(at, BLOCK);
  const { path = '', size = -1, type, cksumValid, uid, gid } = new Header(block);
  const isUstar = block.toString('latin1', 257, 265) === 'ustar\x0000';
  if (!isUstar || !cksumValid || type !== 'File' || size < 0) {
    throw unreadable(`at byte ${at} there is no file of a ustar`, where);
  }
  if (!path.endsWith(ending) || path.includes('/')) {
    throw unreadable(`${JSON.stringify(path)} is where the file with ${ending} belongs`, where);
  }
  if (uid !== 0 || gid !== 0) throw unreadable(`${path} does not belong to root`, where);
  const offset = at + BLOCK;
  return [{ path, offset, size }, offset + Math.ceil(size / BLOCK) * BLOCK];
}

function readText(archive: FileRange, { path, offset, size }: Member, where: string): string {
  if (size > LONGEST_TEXT) throw unreadable(`${path} has ${size} bytes`, where);
  return archive.read(offset, size).toString('utf8');
}

/** Reads the size of a stream-optimised disk in bytes ("Virtual Disk Format 1.1", hosted sparse extents). */
function readCapacity(archive: FileRange, { path, offset }: Member, where: string): number {
  const cursor = new Cursor(archive.read(offset, BLOCK), 0, where);
  const [magic, version, flags] = [cursor.take(4).toString('latin1'), cursor.u32(), cursor.u32()];
  // Version 3 with compressed grains and markers.
  if (magic !== 'KDMV' || version !== 3 || (flags & 0x30000) !== 0x30000) {
    throw unreadable(`${path} is not a stream-optimised VMDK`, where);
  }
  return cursor.u64() * BLOCK;
}

/** Compares a descriptor with the disk beside it. @returns one clause per difference */
function checkDescriptor(
  descriptor: string,
  { disk, capacity }: { disk: Member; capacity: number },
): string[] {
  const problems: string[] = [];
  const state = (what: string, [, found = 'nothing']: readonly string[], expected: string) => {
    if (found !== expected) problems.push(`${what} is stated as ${found} instead of ${expected}`);
  };
  const find = (pattern: RegExp) => pattern.exec(descriptor) ?? [];
  state('the disk', find(/ ovf:href="([^"]*)"/), disk.path);
  state('the size of its file', find(/ ovf:size="([^"]*)"/), String(disk.size));
  state('its capacity', find(/ ovf:capacity="([^"]*)"/), String(capacity));
  const memory = find(/ResourceType>4<[\s\S]*?VirtualQuantity>([^<]*)</)[1] ?? 'nothing';
  if (!/^\d+$/.test(memory) || Number(memory) % MEMORY_STEP !== 0) {
    problems.push(`its memory of ${memory} MiB is not a multiple of ${MEMORY_STEP} MiB`);
  }
  // Importers choose a firmware themselves if none is stated.
  state('the firmware', find(/ vmw:key="firmware" vmw:value="([^"]*)"/), 'efi');
  return problems;
}
