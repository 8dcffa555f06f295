import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appendStream, writeStream } from '../../../build/process/write-stream.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { temporaryFolder } from '../folder.ts';

test('a stream is appended to two files at once', async () => {
  const folder = await temporaryFolder();
  const paths = ['a', 'b'].map((name) => join(folder, name));
  await writeStream(paths[1] ?? '', [Buffer.from('before ')]);
  await using one = await open(paths[0] ?? '', 'a');
  await using other = await open(paths[1] ?? '', 'a');
  const chunks = [Buffer.from('some '), Buffer.from('bytes')];
  const written = { size: 10, sha256: sha256('some bytes') };
  expect(await appendStream([one, other], chunks)).toEqual(written);
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  expect(texts).toEqual(['some bytes', 'before some bytes']);
});

test('a full disk is reported', async () => {
  await expect(writeStream('/dev/full', [Buffer.alloc(8192)])).rejects.toThrow('the disk is full');
});
