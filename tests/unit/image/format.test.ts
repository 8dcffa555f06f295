import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { convertTo, FORMATS } from '../../../build/image/format.ts';
import { run } from '../../../build/process/run.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { temporaryFolder } from '../folder.ts';

test('a qcow2 has the same content, and has the same bytes when it is made again', async () => {
  const folder = await temporaryFolder();
  const bytes = Buffer.concat([randomBytes(2 ** 20), Buffer.alloc(2 ** 20), randomBytes(2 ** 17)]);
  const content = join(folder, 'content');
  await writeFile(content, bytes);
  const made = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const file = join(folder, `${name}.qcow2`);
      const hash = await convertTo(FORMATS.qcow2, { content, file });
      expect(sha256(await readFile(file))).toBe(hash);
      return hash;
    }),
  );
  expect(made[1]).toBe(made[0]);
  const back = join(folder, 'back');
  await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', join(folder, 'a.qcow2'), back]);
  expect((await readFile(back)).equals(bytes)).toBe(true);
});

test('a conversion of missing content fails and leaves no file', async () => {
  const folder = await temporaryFolder();
  const [content, file] = [join(folder, 'nothing'), join(folder, 'x.qcow2')];
  await expect(convertTo(FORMATS.qcow2, { content, file })).rejects.toThrow('qemu-img exited with');
  expect(await readdir(folder)).toEqual([]);
});
