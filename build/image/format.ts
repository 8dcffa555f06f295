import { rename } from 'node:fs/promises';
import { makeAtomically } from '../process/atomic-write.ts';
import { hashFile } from '../process/hash-file.ts';
import { run } from '../process/run.ts';

/** What an image comes as. */
export interface Format {
  /** The hybrid ISO, or a disk that it is installed on. */
  readonly kind: 'cdrom' | 'disk';
  /** Layout of the file, as qemu-img(1) calls it; `raw` is the content as it is. */
  readonly layout: 'raw' | 'qcow2';
}

/** Names of all formats: the ends of file names. */
export const FORMAT_NAMES = ['iso', 'raw', 'qcow2'] as const;

export type FormatName = (typeof FORMAT_NAMES)[number];

/** Every format. */
export const FORMATS: Readonly<Record<FormatName, Format>> = {
  iso: { kind: 'cdrom', layout: 'raw' },
  raw: { kind: 'disk', layout: 'raw' },
  qcow2: { kind: 'disk', layout: 'qcow2' },
};

/**
 * Brings content into the layout of a format and reads it back; it appears under its name only if it is the same content.
 * @param content file that holds the content as it is, beside `file`; where the layout is that, it is gone afterwards
 * @returns SHA-256 of what was written, hex
 * @throws BuildError if qemu-img is missing, fails, or reads back something else
 */
export async function convertTo(
  { layout }: Format,
  { content, file, signal }: { content: string; file: string; signal?: AbortSignal | undefined },
): Promise<string> {
  if (layout === 'raw') {
    const { whole } = await hashFile(content, [], signal);
    await rename(content, file);
    return whole;
  }
  return makeAtomically(file, async (temporary) => {
    // One thread: with several, where clusters lie in the file would depend on which is done first.
    const one = ['-m', '1', '-f', 'raw', '-O', layout];
    await run('qemu-img', ['convert', ...one, content, temporary], { signal });
    await run('qemu-img', ['compare', '-f', 'raw', '-F', layout, content, temporary], { signal });
    return (await hashFile(temporary, [], signal)).whole;
  });
}
