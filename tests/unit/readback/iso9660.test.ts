import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../build/process/run.ts';
import { FileRange } from '../../../build/readback/file-range.ts';
import { readIso9660 } from '../../../build/readback/iso9660.ts';
import { temporaryFolder } from '../folder.ts';

const SECTOR = 2048;
const LONG = `long ${'name '.repeat(40)}.txt`;

/** An ISO of files, as xorriso makes it; its path. */
async function makeIso(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  const content = join(folder, 'content');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(content, path)), { recursive: true });
    await writeFile(join(content, path), text);
  }
  const iso = join(folder, 'x.iso');
  const format = ['-iso-level', '3', '-full-iso9660-filenames', '-joliet', '-rational-rock'];
  await run('xorriso', [
    '-as',
    'mkisofs',
    '-quiet',
    '-V',
    'QX-TEST',
    ...format,
    '-o',
    iso,
    content,
  ]);
  return iso;
}

function read(file: string) {
  using image = FileRange.open(file);
  const { volumeId, nodes } = readIso9660(image, file);
  const contents = nodes
    .filter(({ type }) => type === 'file')
    .map(({ path, offset, size }) => [path, image.read(offset, size).toString()]);
  return { volumeId, nodes, contents: Object.fromEntries(contents) };
}

test('names, modes and contents read back as written', async () => {
  const many = Array.from({ length: 150 }, (_, n) => [`boot/many/file ${n}`, `${n}`]);
  const files = {
    "quantix/it's a=b": 'odd',
    'boot/grüße': 'hello',
    'boot/empty': '',
    [`boot/${LONG}`]: 'l'.repeat(5000),
    ...Object.fromEntries(many),
  };
  const { volumeId, nodes, contents } = read(await makeIso(files));
  expect(volumeId).toBe('QX-TEST');
  expect(contents).toEqual(files);
  const folders = nodes.filter(({ type }) => type === 'directory').map(({ path }) => path);
  expect(folders.sort()).toEqual(['boot', 'boot/many', 'quantix']);
  expect(new Set(nodes.map(({ type, mode, uid }) => `${type} ${mode.toString(8)} ${uid}`))).toEqual(
    new Set(['directory 555 0', 'file 444 0']),
  );
});

/** Returns the offset of a directory record with a one-letter name, and that of the letter in its Rock Ridge name. */
function recordOf(iso: Buffer, name: string): { record: number; letter: number } {
  const letter = iso.indexOf(`NM\x06\x01\0${name}`, 0, 'latin1') + 5;
  const record = iso.lastIndexOf(`${name.toUpperCase()}.;1`, letter, 'latin1') - 33;
  return { record, letter };
}

test('a file in several extents, as one of 4 GiB, is read as one file', async () => {
  const file = await makeIso({ a: 'a'.repeat(SECTOR), b: 'b'.repeat(30) });
  const iso = await readFile(file);
  const [a, b] = [recordOf(iso, 'a'), recordOf(iso, 'b')];
  iso[a.record + 25] = 0x80;
  iso.write('a', b.letter);
  await writeFile(file, iso);
  expect(read(file).contents).toEqual({ a: 'a'.repeat(SECTOR) + 'b'.repeat(30) });
  iso.writeUInt32LE(iso.readUInt32LE(b.record + 2) + 1, b.record + 2);
  await writeFile(file, iso);
  expect(() => read(file)).toThrow('/a is in pieces');
});

test.each<[string, (iso: Buffer) => void, string]>([
  ['no ISO', (iso) => iso.fill(0, 16 * SECTOR, 17 * SECTOR), 'it is not an ISO 9660 file system'],
  [
    'a name that leads out',
    (iso) => iso.write('/', recordOf(iso, 'b').letter),
    '"/" is not a valid name',
  ],
  ['a name twice', (iso) => iso.write('a', recordOf(iso, 'b').letter), '/a is in it twice'],
  [
    'a file past the end',
    (iso) => iso.writeUInt32LE(99_999, recordOf(iso, 'b').record + 2),
    '/b is cut off',
  ],
  [
    'a file without an end',
    (iso) => iso.writeUInt8(0x80, recordOf(iso, 'b').record + 25),
    '/b has no end',
  ],
  [
    'a directory that is a file',
    (iso) => iso.writeUInt8(0x02, recordOf(iso, 'b').record + 25),
    '/b is neither a file nor a directory',
  ],
])('%s is refused', async (_what, damage, words) => {
  const file = await makeIso({ a: 'content of a', b: 'content of b' });
  const iso = await readFile(file);
  damage(iso);
  await writeFile(file, iso);
  expect(() => read(file)).toThrow(words);
});

test('a directory that contains itself is refused', async () => {
  const file = await makeIso({ 'a/b': 'x' });
  const iso = await readFile(file);
  const root = iso.readUInt32LE(16 * SECTOR + 156 + 2);
  const record = iso.lastIndexOf('\x01A', iso.indexOf('NM\x06\x01\0a', 0, 'latin1'), 'latin1') - 32;
  iso.writeUInt32LE(root, record + 2);
  await writeFile(file, iso);
  expect(() => read(file)).toThrow('a directory is in two places');
});
