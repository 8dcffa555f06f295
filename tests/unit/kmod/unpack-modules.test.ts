import { xz } from '@napi-rs/lzma';
import { expect, test } from 'vitest';
import { ModuleUnpacker } from '../../../build/kmod/unpack-modules.ts';
import type { EntrySink } from '../../../build/tree/sink.ts';

const PACKAGE = 'package linux-image 6.12';
const FOLDER = 'usr/lib/modules/6.12.0/kernel';

/** Contents by path, in the order in which they came; one file at a time, as the cache takes them. */
class Collector implements EntrySink {
  readonly files = new Map<string, string>();
  #busy = false;

  add(): void {}

  async file(...[entry, content]: Parameters<EntrySink['file']>): Promise<void> {
    if (this.#busy) throw new Error('two files at once');
    this.#busy = true;
    const bytes = Buffer.concat(await Array.fromAsync(content));
    expect(bytes.length).toBe(entry.size);
    this.files.set(entry.path, bytes.toString());
    this.#busy = false;
  }
}

async function* parts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 5);
  yield bytes.subarray(5);
}

function pass(unpacker: ModuleUnpacker, path: string, bytes: Uint8Array): Promise<void> {
  const owner = { mode: 0o644, uid: 0, gid: 0, origin: PACKAGE };
  return unpacker.file({ ...owner, type: 'file', path, size: bytes.length }, parts(bytes));
}

test('modules packed with xz come out plain, in order; other files as they are', async () => {
  const sink = new Collector();
  const unpacker = new ModuleUnpacker(sink);
  const names = Array.from({ length: 6 }, (_, number) => `${number}`);
  for (const name of names) {
    await pass(unpacker, `${FOLDER}/${name}.ko.xz`, xz.compressSync(name.repeat(10_000)));
  }
  const archive = xz.compressSync('not a module');
  await pass(unpacker, 'usr/share/data.xz', archive);
  await pass(unpacker, `${FOLDER}/last.ko.xz`, xz.compressSync('last'));
  await unpacker.done();
  expect([...sink.files]).toEqual([
    ...names.map((name) => [`${FOLDER}/${name}.ko`, name.repeat(10_000)]),
    ['usr/share/data.xz', archive.toString()],
    [`${FOLDER}/last.ko`, 'last'],
  ]);
});

test('a damaged module is refused with its path and package', async () => {
  const packed = xz.compressSync('module'.repeat(1000));
  const damages = [packed.subarray(0, -20), Buffer.alloc(100), packed.map((byte) => byte ^ 1)];
  for (const damage of damages) {
    const unpacker = new ModuleUnpacker(new Collector());
    await pass(unpacker, `${FOLDER}/a.ko.xz`, damage);
    await expect(unpacker.done()).rejects.toThrow(
      `kernel module ${FOLDER}/a.ko.xz is not valid xz data (${PACKAGE})`,
    );
  }
});
