import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { FileEntry } from '../../../build/tree/entry.ts';
import { elfFile } from '../elf/elf-file.ts';
import { file } from '../tree/trees.ts';

export const RELEASE = '6.1.0-test';

/**
 * A kernel module with this `.modinfo`, under the test kernel's directory; compressed as the extension of its name
 * says.
 */
export function kernelModule(path: string, ...info: string[]): FileEntry {
  const modinfo = info.map((line) => `${line}\0`).join('');
  const bytes = elfFile({ type: 1, sections: { '.text': 'code', '.modinfo': modinfo } });
  const packed = path.endsWith('.gz')
    ? gzipSync(bytes)
    : path.endsWith('.zst')
      ? zstdCompressSync(bytes)
      : bytes;
  return file(`lib/modules/${RELEASE}/${path}`, packed);
}

/** A text file of the test kernel. */
export function kernelText(name: string, ...lines: string[]): FileEntry {
  return file(`lib/modules/${RELEASE}/${name}`, lines.map((line) => `${line}\n`).join(''));
}
