import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { BuildError } from '../error.ts';
import { decompressXz } from '../process/xz.ts';
import type { EntrySink } from '../tree/sink.ts';

/** Largest module that is accepted, in decompressed bytes. */
const LARGEST_MODULE = 256 * 1024 * 1024;
/**
 * Compressed bytes per process; decompressed, they are about five times as many. Smaller batches need more processes.
 */
const BATCH_SIZE = 4 * 1024 * 1024;

const PACKED_MODULE = /\.ko\.(?<by>xz|gz)$/;

/**
 * Passes on the entries of a kernel package; modules are decompressed. Debian compresses modules with xz since release
 * 13, Alpine with gzip. Uncompressed modules load faster, and without a kernel message for each, because busybox first
 * passes a compressed module to the kernel unchanged. They can be indexed without decompressing them in every build,
 * and compress better together in the squashfs than individually.
 */
export class ModuleUnpacker implements EntrySink {
  readonly #sink: EntrySink;
  readonly #where: string;
  #batch: { entry: FileHead; packed: Buffer }[] = [];
  #size = 0;
  /** The previous batch, which is decompressed and written while the next one is read. */
  #writing: Promise<void> = Promise.resolve();

  /** @param where the package, for messages */
  constructor(sink: EntrySink, where: string) {
    this.#sink = sink;
    this.#where = where;
  }

  add(entry: Parameters<EntrySink['add']>[0]): void {
    this.#sink.add(entry);
  }

  /** @throws BuildError if an earlier module is damaged */
  async file(...[entry, content]: Parameters<EntrySink['file']>): Promise<void> {
    if (!PACKED_MODULE.test(entry.path)) {
      await this.#writing;
      return this.#sink.file(entry, content);
    }
    const packed = Buffer.concat(await Array.fromAsync(content));
    this.#batch.push({ entry, packed });
    this.#size += packed.length;
    if (this.#size >= BATCH_SIZE) await this.#beginBatch();
  }

  /**
   * Resolves when every module is in the sink.
   * @throws BuildError if one is damaged
   */
  async done(): Promise<void> {
    await this.#beginBatch();
    await this.#writing;
  }

  async #beginBatch(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#size = 0;
    await this.#writing;
    this.#writing = this.#write(batch);
    this.#writing.catch(() => undefined);
  }

  async #write(batch: { entry: FileHead; packed: Buffer }[]): Promise<void> {
    const byXz = batch.filter(({ entry }) => entry.path.endsWith('.xz'));
    const streams = byXz.map(({ packed }) => packed);
    const plain = await decompressXz(streams, LARGEST_MODULE, this.#where);
    const unpacked = new Map(byXz.map(({ entry }, index) => [entry, plain[index]]));
    for (const { entry, packed } of batch) {
      const bytes = unpacked.get(entry) ?? (await this.#gunzip(entry, packed));
      const path = entry.path.replace(PACKED_MODULE, '.ko');
      await this.#sink.file({ ...entry, path, size: bytes.length }, whole(bytes));
    }
  }

  async #gunzip({ path }: FileHead, packed: Buffer): Promise<Buffer> {
    try {
      return await gunzipAsync(packed, { maxOutputLength: LARGEST_MODULE });
    } catch (cause) {
      throw new BuildError({
        what: `the kernel module ${path} is damaged, or too large`,
        where: this.#where,
        fix: 'Get an undamaged package.',
        cause,
      });
    }
  }
}

const gunzipAsync = promisify(gunzip);

type FileHead = Parameters<EntrySink['file']>[0];

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
