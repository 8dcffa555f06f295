import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROJECT } from '../profile/profiles.ts';

const OVERLAY = join(PROJECT, 'overlay/common');
/** Where programs of one appliance only are. */
const OVERLAYS = [OVERLAY, join(PROJECT, 'overlay/quantix-os')];
const COMING = 'to come';
/** Writers that are no files of the appliance. */
const PEOPLE = 'config drive, operator';

interface Row {
  /** Below `/quantix`; `*` stands for anything. */
  path: string;
  writer: string;
  reader: string;
}

/** What lies below `/quantix`. */
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

/** The words that a program which knows a path has in its text: `/quantix/ssh`, `ssh_host_` and `_key`, say. */
function wordsOf(path: string): string[] {
  const parts = path.split('*');
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return [`/quantix/${path}`];
  const slash = first.lastIndexOf('/');
  return [`/quantix/${first.slice(0, slash)}`, first.slice(slash + 1), ...rest];
}

/** Words of a path that a program of the appliance does not have. */
function missingIn(program: string, path: string): string[] {
  if (program.startsWith('apps/')) return missingInApps(program, path);
  const file = OVERLAYS.map((overlay) => join(overlay, program)).find((one) => existsSync(one));
  const text = readFileSync(file ?? join(OVERLAY, program), 'utf8');
  const known = text.replaceAll('$kept', /^kept=(.*)$/m.exec(text)?.[1] ?? '$kept');
  return wordsOf(path).filter((word) => !known.includes(word));
}

/** The agent's parts know the name of a file; its folder is told to them by what puts them together. */
function missingInApps(program: string, path: string): string[] {
  const text = readFileSync(join(PROJECT, program), 'utf8');
  const agent = readFileSync(join(PROJECT, 'apps/agent/run.ts'), 'utf8');
  return [
    ...(text.includes(basename(path)) ? [] : [basename(path)]),
    ...(agent.includes(`'/quantix/${dirname(path)}'`) ? [] : [dirname(path)]),
  ];
}

describe('of what outlives a restart', () => {
  test.each(rows.filter(({ reader }) => reader !== COMING))(
    '$path has a writer and a reader',
    ({ path, writer, reader }) => {
      if (writer === PEOPLE) {
        const plan = readFileSync(join(PROJECT, 'build/image/config-drive/plan.ts'), 'utf8');
        expect(plan).toContain(`'/${path}'`);
      } else {
        expect(missingIn(writer, path)).toEqual([]);
      }
      expect(missingIn(reader, path)).toEqual([]);
    },
  );

  for (const { path } of rows.filter(({ reader }) => reader === COMING)) {
    test.todo(`${path} has a writer and a reader`);
  }

  test('nothing is missing in the list: no program knows another path', () => {
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

test('the list is the whole one that both appliances promise', () => {
  expect(rows.map(({ path }) => path.replace(/\/.*/, '/'))).toEqual(
    expect.arrayContaining(['network/', 'hostname', 'ssh/', 'auth/', 'node/', 'vdc/']),
  );
  expect(rows).toHaveLength(17);
});
