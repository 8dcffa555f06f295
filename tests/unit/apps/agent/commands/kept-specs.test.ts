import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KeptSpecs } from '../../../../../apps/agent/commands/kept-specs.ts';
import { temporaryFolder } from '../../../folder.ts';
import { FULL, ID, spec } from './specs.ts';

const OTHER = '9f1b2c3d-0000-4000-8000-00000000ffff';
const SHA256 = 'a'.repeat(64);

async function world() {
  const folder = join(await temporaryFolder(), 'vms');
  return { folder, specs: new KeptSpecs(folder) };
}

test('a specification is stored until its machine is removed', async () => {
  const { folder, specs } = await world();
  expect(await specs.get(FULL.id)).toBeUndefined();
  await specs.remove(FULL.id);
  await specs.put({ spec: FULL, definitionSha256: SHA256 });
  expect(await new KeptSpecs(folder).get(FULL.id)).toEqual({
    spec: FULL,
    definitionSha256: SHA256,
  });
  await specs.remove(FULL.id);
  expect(await readdir(folder)).toEqual([]);
});

test('a specification file that is damaged, or of another machine, is set aside', async () => {
  const { folder, specs } = await world();
  await specs.put({ spec: spec({ id: OTHER }), definitionSha256: SHA256 });
  const file = join(folder, `${ID}.json`);
  for (const text of ['', '{', 'null', await readFile(join(folder, `${OTHER}.json`), 'utf8')]) {
    await writeFile(file, text);
    expect(await specs.get(ID)).toBeUndefined();
    const newest = (await readdir(folder)).filter((name) => name.startsWith(ID)).length;
    const number = newest === 1 ? '' : `-${newest}`;
    expect(await readFile(`${file}.rejected${number}`, 'utf8')).toBe(text);
  }
  expect((await specs.get(OTHER))?.spec.id).toBe(OTHER);
});
