import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { lockFile } from '../../../build/lock/file.ts';
import { listProfileNames, loadProfile } from '../../../build/profile/load.ts';
import written from '../../../profiles/qvdc.ts';
import { temporaryFolder } from '../folder.ts';

/** Creates a project with one profile with this text. */
async function projectWith(name: string, text: string): Promise<string> {
  const project = await temporaryFolder();
  await mkdir(join(project, 'profiles/shared'), { recursive: true });
  await writeFile(join(project, 'profiles', `${name}.ts`), text);
  await writeFile(join(project, 'profiles', `${name}.debian.x86_64.lock.json`), '{}');
  return project;
}

const textOf = (name: string) => `export default ${JSON.stringify({ ...written, name })};\n`;

test('the profiles of a project are its files, not their locks and not shared parts', async () => {
  expect(listProfileNames(await projectWith('lab', ''))).toEqual(['lab']);
});

test('a profile is loaded by the name of its file', async () => {
  const project = await projectWith('lab', textOf('lab'));
  expect(await loadProfile(project, 'lab')).toMatchObject({ name: 'lab', title: 'QvDC' });
});

test('an unknown name is reported with the known ones', async () => {
  const project = await projectWith('lab', textOf('lab'));
  await expect(loadProfile(project, 'lap')).rejects.toThrow(
    /^there is no profile "lap" \(.*\/profiles\/lap\.ts\)\. Profiles here: lab\. /,
  );
});

test('a name that differs from the file’s is reported', async () => {
  const project = await projectWith('lab', textOf('laboratory'));
  await expect(loadProfile(project, 'lab')).rejects.toThrow(
    'key name is "laboratory" but the file says "lab"',
  );
});

test.each([
  ['does not parse', '\n\nexport default {', /\/lab\.ts:3$/],
  ['throws', '\nthrow new Error("no network");', /\/lab\.ts:2$/],
  ['throws no error', 'throw "no network";', /\/lab\.ts$/],
  ['imports what is not there', 'import "./nowhere.ts"; export default {};', /\/lab\.ts(:1)?$/],
  ['imports what throws', 'import "./shared/part.ts";', /\/shared\/part\.ts:3$/],
])(
  'a file that %s is reported with its path, and the line if there is one',
  async (_, text, place) => {
    const project = await projectWith('lab', text);
    await writeFile(join(project, 'profiles/shared/part.ts'), '\n\nnowhere();\n');
    const failure = await loadProfile(project, 'lab').catch((one) => one);
    expect(failure).toBeInstanceOf(BuildError);
    expect(failure.what).toMatch(/^profile cannot be loaded: ./);
    expect(failure.where).toMatch(place);
  },
);

test('a file without a default export is reported', async () => {
  const project = await projectWith('lab', 'export const profile = {};');
  await expect(loadProfile(project, 'lab')).rejects.toThrow('the default export: ');
});

test('a profile outside the project is loaded by its path, whatever its name', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'appliance.ts');
  await writeFile(file, textOf('lab'));
  const profile = await loadProfile(await projectWith('other', ''), file);
  expect(profile).toMatchObject({ name: 'lab', file });
  expect(lockFile(profile, 'debian')).toBe(join(folder, 'lab.debian.x86_64.lock.json'));
});

test('a path without a file is reported', async () => {
  const file = join(await temporaryFolder(), 'nowhere.ts');
  await expect(loadProfile(await projectWith('lab', ''), file)).rejects.toThrow(
    `there is no such profile (${file}).`,
  );
});
