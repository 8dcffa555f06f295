import { readdir, readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';

/** Folders with definitions: of the programs, and of the builder. */
const FOLDERS = ['apps/proto', 'build/remote-cache/proto'];

/** Runs buf of the npm package, as `npm run generate` does. */
function buf(...args: string[]) {
  return execa('buf', args, { preferLocal: true });
}

test.each(FOLDERS)(
  'the generated code in %s is up to date with the definitions',
  async (folder) => {
    const output = await temporaryFolder();
    await buf('generate', folder, '--template', `${folder}/buf.gen.yaml`, '--output', output);
    const made = await contents(`${output}/gen`);
    expect(made.size).toBeGreaterThan(0);
    expect(await contents(`${folder}/gen`)).toEqual(made);
  },
);

test.each(FOLDERS)(
  'the definitions in %s pass buf’s standard rules, and each field has a comment',
  async (folder) => {
    await buf('lint', folder);
  },
);

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
