import { rename } from 'node:fs/promises';
import { makeAtomically } from '../process/atomic-write.ts';
import { hashFile } from '../process/hash-file.ts';
import { run } from '../process/run.ts';

/** An output format of an image. */
export interface Format {
  /** The hybrid ISO, or a disk with the image installed. */
  readonly kind: 'cdrom' | 'disk';
  /** Format of the file in the terms of qemu-img(1); `raw` is the plain content. */
  readonly layout: 'raw' | 'qcow2';
}

/** Names of all formats, which are also the file name extensions. */
export const FORMAT_NAMES = ['iso', 'raw', 'qcow2'] as const;

export type FormatName = (typeof FORMAT_NAMES)[number];

/** Every format. */
export const FORMATS: Readonly<Record<FormatName, Format>> = {
  iso: { kind: 'cdrom', layout: 'raw' },
  raw: { kind: 'disk', layout: 'raw' },
  qcow2: { kind: 'disk', layout: 'qcow2' },
};

/**
 * Converts content to a format and compares the result with it; the file gets its name only if both are equal.
 * @param content file with the raw content, in the same folder as `file`; for the layout `raw` it is renamed to `file`
 * @returns SHA-256 of the written file, hex
 * @throws BuildError if qemu-img is missing, fails, or finds a difference
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
    // One thread: with several, the positions of clusters in the file depend on timing.
    const one = ['-m', '1', '-f', 'raw', '-O', layout];
    await run('qemu-img', ['convert', ...one, content, temporary], { signal });
    await run('qemu-img', ['compare', '-f', 'raw', '-F', layout, content, temporary], { signal });
    return (await hashFile(temporary, [], signal)).whole;
  });
}
