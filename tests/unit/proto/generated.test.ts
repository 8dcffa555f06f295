import { readdir, readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';

const PROTO = 'apps/proto';

/** Runs buf of the npm package, as `npm run generate` does. */
function buf(...args: string[]) {
  return execa('buf', args, { preferLocal: true });
}

test('the generated code is what buf makes of the definitions', async () => {
  const output = await temporaryFolder();
  await buf('generate', PROTO, '--template', `${PROTO}/buf.gen.yaml`, '--output', output);
  const made = await contents(`${output}/gen`);
  expect(made.size).toBeGreaterThan(0);
  expect(await contents(`${PROTO}/gen`)).toEqual(made);
});

test('the definitions pass buf’s standard rules, and each field has a comment', async () => {
  await buf('lint', PROTO);
});

async function contents(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(folder.length)}/${entry.name}`)
    .toSorted();
  return new Map(
    await Promise.all(
      files.map(
        async (file): Promise<[string, string]> => [
          file,
          await readFile(`${folder}${file}`, 'utf8'),
        ],
      ),
    ),
  );
}
