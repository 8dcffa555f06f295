import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROJECT } from '../profile/profiles.ts';

const OVERLAY = join(PROJECT, 'overlay/common');
/** Overlays with the programs. */
const OVERLAYS = [OVERLAY, join(PROJECT, 'overlay/quantix-os')];
const COMING = 'to come';
/** Writers that are not files of the appliance. */
const PEOPLE = ['config drive, operator', 'operator'];

interface Row {
  /** Path relative to `/quantix`; `*` stands for anything. */
  path: string;
  writer: string;
  reader: string;
}

/** The list of files in `/quantix`. */
const [configuration = ''] = readFileSync(join(PROJECT, 'docs/persistence.md'), 'utf8').split(
  '\n## Data\n',
);

const rows: Row[] = [
  ...configuration.matchAll(/^\| `([^`]+)` +\|[^|]+\|([^|]+)\|([^|]+)\|$/gm),
].map(([, path = '', writer = '', reader = '']) => ({
  path,
  writer: writer.replaceAll('`', '').trim(),
  reader: reader.replaceAll('`', '').trim(),
}));

/** Returns the files of this project that are the program of a row. */
const sourcesOf = (program: string) =>
  [PROJECT, ...OVERLAYS].map((folder) => join(folder, program)).filter((file) => existsSync(file));

describe('of persistent files', () => {
  // tests/net/configuration-disk.test.ts checks that the writers write these files, and the readers read them.
  test.each(rows.filter(({ reader }) => reader !== COMING))(
    '$path has an existing writer and reader',
    ({ writer, reader }) => {
      for (const program of [writer, reader].filter((one) => !PEOPLE.includes(one))) {
        expect(sourcesOf(program), program).toHaveLength(1);
      }
    },
  );

  for (const { path } of rows.filter(({ reader }) => reader === COMING)) {
    test.todo(`${path} has a writer and a reader`);
  }

  test('the list is complete: no program uses another path', () => {
    const listed = rows.map(({ path }) => `/quantix/${path}`);
    const known = (path: string) =>
      listed.some((one) => one === path || one.startsWith(`${path}/`) || path.startsWith(one));
    const found = OVERLAYS.flatMap((overlay) =>
      readdirSync(overlay, { recursive: true, encoding: 'utf8' }).map((name) =>
        join(overlay, name),
      ),
    )
      .filter((file) => statSync(file).isFile())
      .flatMap((file) => [
        ...readFileSync(file, 'utf8').matchAll(/(?<![\w/}])\/quantix\/[a-z][\w./-]*/g),
      ])
      .map(([path]) => path);
    expect(found.filter((path) => !known(path))).toEqual([]);
    expect(found.length).toBeGreaterThan(8);
  });
});

test('the list has all parts of both appliances', () => {
  expect(rows.map(({ path }) => path.replace(/\/.*/, '/'))).toEqual(
    expect.arrayContaining(['network/', 'hostname', 'ssh/', 'auth/', 'node/', 'vdc/']),
  );
});
