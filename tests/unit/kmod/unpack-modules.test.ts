import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { execaSync } from 'execa';
import { expect, test } from 'vitest';
import { ModuleUnpacker } from '../../../build/kmod/unpack-modules.ts';
import type { EntrySink } from '../../../build/tree/sink.ts';

const PACKAGE = 'package linux-image 6.12';
const FOLDER = 'usr/lib/modules/6.12.0/kernel';

/** Contents by path; takes one file at a time, as the cache does. */
class Collector implements EntrySink {
  readonly files = new Map<string, string>();
  #busy = false;

  add(): void {}

  async file(...[entry, content]: Parameters<EntrySink['file']>): Promise<void> {
    if (this.#busy) throw new Error('two files at once');
    this.#busy = true;
    const bytes = Buffer.concat(await Array.fromAsync(content));
    expect(bytes.length).toBe(entry.size);
    this.files.set(entry.path, bytes.toString('latin1'));
    this.#busy = false;
  }
}

function packed(text: string | Buffer): Buffer {
  const { stdout } = execaSync('xz', ['--stdout', '-0'], {
    input: text,
    encoding: 'buffer',
    stripFinalNewline: false,
  });
  return Buffer.from(stdout);
}

test('modules compressed with gzip are decompressed too, and a damaged one is named', async () => {
  const sink = new Collector();
  const unpacker = new ModuleUnpacker(sink, PACKAGE);
  await pass(unpacker, `${FOLDER}/a.ko.gz`, gzipSync('a module of Alpine'));
  await pass(unpacker, `${FOLDER}/b.ko.xz`, packed('a module of Debian'));
  await unpacker.done();
  expect(Object.fromEntries(sink.files)).toEqual({
    [`${FOLDER}/a.ko`]: 'a module of Alpine',
    [`${FOLDER}/b.ko`]: 'a module of Debian',
  });
  const other = new ModuleUnpacker(new Collector(), PACKAGE);
  await pass(other, `${FOLDER}/c.ko.gz`, Buffer.from('no gzip at all'));
  await expect(other.done()).rejects.toThrow(
    `the kernel module ${FOLDER}/c.ko.gz is damaged, or too large (${PACKAGE})`,
  );
});

async function* parts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 5);
  yield bytes.subarray(5);
}

function pass(unpacker: ModuleUnpacker, path: string, bytes: Uint8Array): Promise<void> {
  const owner = { mode: 0o644, uid: 0, gid: 0, origin: PACKAGE };
  return unpacker.file({ ...owner, type: 'file', path, size: bytes.length }, parts(bytes));
}

test('modules compressed with xz are decompressed, other files are left unchanged', async () => {
  const sink = new Collector();
  const unpacker = new ModuleUnpacker(sink, PACKAGE);
  const names = Array.from({ length: 6 }, (_, number) => `${number}`);
  for (const name of names) {
    await pass(unpacker, `${FOLDER}/${name}.ko.xz`, packed(name.repeat(10_000)));
  }
  const archive = packed('not a module');
  await pass(unpacker, 'usr/share/data.xz', archive);
  await pass(unpacker, `${FOLDER}/last.ko.xz`, packed('last'));
  await unpacker.done();
  expect(Object.fromEntries(sink.files)).toEqual({
    ...Object.fromEntries(names.map((name) => [`${FOLDER}/${name}.ko`, name.repeat(10_000)])),
    'usr/share/data.xz': archive.toString('latin1'),
    [`${FOLDER}/last.ko`]: 'last',
  });
});

test('more modules than fit into a batch are decompressed completely', async () => {
  const sink = new Collector();
  const unpacker = new ModuleUnpacker(sink, PACKAGE);
  const noise = randomBytes(1_100_000);
  const stream = packed(noise);
  const paths = ['a', 'b', 'c', 'd', 'e'].map((name) => `${FOLDER}/${name}.ko`);
  for (const path of paths) await pass(unpacker, `${path}.xz`, stream);
  await unpacker.done();
  expect([...sink.files.keys()]).toEqual(paths);
  expect([...sink.files.values()].every((content) => content === noise.toString('latin1'))).toBe(
    true,
  );
});

test('a damaged module is refused with its package', async () => {
  const whole = packed('module'.repeat(1000));
  const damages: [Buffer, string][] = [
    [whole.subarray(0, -20), `this is not an xz stream (${PACKAGE})`],
    [Buffer.alloc(100), `this is not an xz stream (${PACKAGE})`],
    [Buffer.from(whole).fill(0, 24, 40), `an xz stream is damaged (${PACKAGE})`],
  ];
  for (const [bytes, message] of damages) {
    const unpacker = new ModuleUnpacker(new Collector(), PACKAGE);
    await pass(unpacker, `${FOLDER}/a.ko.xz`, bytes);
    await expect(unpacker.done()).rejects.toThrow(message);
  }
});
