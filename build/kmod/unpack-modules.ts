import { xz } from '@napi-rs/lzma';
import { BuildError } from '../error.ts';
import type { EntrySink } from '../tree/sink.ts';

/** Modules that are decompressed at once, so that a slow sink does not fill the memory. */
const MOST_AT_ONCE = 4;

const PACKED_MODULE = /\.ko\.xz$/;

/**
 * Passes a kernel package on with its modules decompressed. Debian compresses modules with xz since release 13.
 * Plain ones load faster, can be indexed without decompressing them in every build, and compress better together in
 * the squashfs than each alone.
 */
export class ModuleUnpacker implements EntrySink {
  readonly #sink: EntrySink;
  /** Writes to the sink, which takes one file after the other; the oldest comes first. */
  readonly #writes: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(sink: EntrySink) {
    this.#sink = sink;
  }

  add(entry: Parameters<EntrySink['add']>[0]): void {
    this.#sink.add(entry);
  }

  /** @throws BuildError if this module, or one before it, is damaged */
  async file(...[entry, content]: Parameters<EntrySink['file']>): Promise<void> {
    if (!PACKED_MODULE.test(entry.path)) {
      await this.done();
      return this.#sink.file(entry, content);
    }
    const packed = await Array.fromAsync(content);
    const plain = xz.decompress(Buffer.concat(packed));
    const write = async (): Promise<void> => {
      const bytes = await plain.catch((cause: unknown) => {
        throw damaged(entry, cause);
      });
      const path = entry.path.replace(PACKED_MODULE, '.ko');
      await this.#sink.file({ ...entry, path, size: bytes.length }, chunk(bytes));
    };
    this.#last = this.#last.then(write);
    this.#last.catch(() => undefined);
    this.#writes.push(this.#last);
    if (this.#writes.length >= MOST_AT_ONCE) await this.#writes.shift();
  }

  /**
   * Resolves when every module is in the sink.
   * @throws BuildError if one is damaged
   */
  async done(): Promise<void> {
    this.#writes.length = 0;
    await this.#last;
  }
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function damaged({ path, origin }: Parameters<EntrySink['file']>[0], cause: unknown): BuildError {
  return new BuildError({
    what: `kernel module ${path} is not valid xz data`,
    where: origin,
    fix: 'The package is damaged; nothing was taken from it.',
    cause,
  });
}
