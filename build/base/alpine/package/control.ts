import type { FileHandle } from 'node:fs/promises';
import { damagedArchive, MOST_METADATA, refuseVersion3 } from '../archive/damaged.ts';
import { type Member, readMember } from '../archive/gzip.ts';
import { readBytes } from '../archive/inflate.ts';
import { readTarBuffer, type TarEntry } from '../archive/tar.ts';
import { readSignatures, SIGNATURE_PREFIX, type Signature } from '../signature/signature.ts';
import { type PackageInfo, parsePackageInfo } from './pkginfo.ts';
import { isScript, type ScriptName } from './scripts.ts';

/** The parts of a package before its data. */
export interface PackageControl {
  readonly signatures: readonly Signature[];
  /** The compressed control part as in the file: signatures cover these bytes, and the identity is their hash. */
  readonly bytes: Uint8Array;
  readonly info: PackageInfo;
  readonly scripts: ReadonlyMap<ScriptName, Buffer>;
  /** Position of the data part in the file. */
  readonly dataStart: number;
}

/** An open package file. */
export interface PackageFile {
  readonly handle: FileHandle;
  /** Size in bytes. */
  readonly size: number;
  /** The package, for messages. */
  readonly where: string;
}

/** Bytes read at first for the parts before the data; more are read if these parts are larger. */
const FIRST_READ = 64 * 1024;

/** Maximum number of parts with signatures before the control part. */
const MOST_SIGNATURE_PARTS = 8;

/**
 * Reads the signatures and the control part of a package (apk format v2: gzip members, each with a piece of one tar).
 * The result is not trusted yet.
 * @throws BuildError if it is damaged, in another format, or contains anything unexpected
 */
export async function readControl(file: PackageFile): Promise<PackageControl> {
  const start = await readBytes(file.handle, 0, Math.min(file.size, FIRST_READ));
  refuseVersion3(start, file.where);
  const head = new Head(file, start);
  const signatures: Signature[] = [];
  for (let at = 0, parts = 0; parts <= MOST_SIGNATURE_PARTS; parts += 1) {
    const { content, end } = await head.member(at);
    const { entries, ended } = readTarBuffer(content, file.where);
    if (ended) throw damagedArchive('an end mark stands before its data', file.where);
    if (entries[0]?.header.name.startsWith(SIGNATURE_PREFIX) !== true) {
      return {
        signatures,
        bytes: head.slice(at, end),
        ...contents(entries, file.where),
        dataStart: end,
      };
    }
    signatures.push(...readSignatures(entries, file.where));
    at = end;
  }
  throw damagedArchive('it has too many signatures', file.where);
}

/** The beginning of a file, read only as far as needed. */
class Head {
  readonly #file: PackageFile;
  #bytes: Buffer;

  constructor(file: PackageFile, bytes: Buffer) {
    this.#file = file;
    this.#bytes = bytes;
  }

  async member(start: number): Promise<Member> {
    const { handle, size, where } = this.#file;
    for (;;) {
      const member = readMember({ bytes: this.#bytes, start, most: MOST_METADATA, where });
      if (member !== undefined) return member;
      const have = this.#bytes.length;
      if (have >= size) throw damagedArchive('it is truncated', where);
      if (have >= MOST_METADATA) throw damagedArchive('its control part is too large', where);
      const more = await readBytes(handle, have, Math.min(size, have * 8, MOST_METADATA));
      this.#bytes = Buffer.concat([this.#bytes, more]);
    }
  }

  slice(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }
}

/** Files other than `.PKGINFO` and the scripts are ignored, as in apk. */
function contents(entries: readonly TarEntry[], where: string) {
  const scripts = new Map<ScriptName, Buffer>();
  let info: PackageInfo | undefined;
  for (const { header, content } of entries) {
    const { name, type } = header;
    if (!name.startsWith('.') || name.includes('/') || type !== 'file') {
      throw damagedArchive(`${JSON.stringify(name)} does not belong in its control part`, where);
    }
    const script = name.slice(1);
    if (name === '.PKGINFO') info = parsePackageInfo(content.toString('utf8'), where);
    else if (isScript(script)) scripts.set(script, content);
  }
  if (info === undefined) throw damagedArchive('there is no .PKGINFO in it', where);
  return { info, scripts };
}
