import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { main } from '../../../../tasks/command-line.ts';
import { index } from '../solver/situation.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'solve-test-'));
  writeFileSync(join(folder, 'world'), 'b\n');
  writeFileSync(join(folder, 'installed'), index('b 1'));
  writeFileSync(join(folder, 'main'), index('a 1\nD:b\n\nb 1\n\n1.0 1'));
  writeFileSync(join(folder, 'edge'), index('a 2'));
  writeFileSync(join(folder, 'damaged.tar.gz'), gzipSync('no index').subarray(0, 12));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command line. @returns its exit code and what it printed */
async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const spies = (['out', 'err'] as const).map((stream) =>
    vi.spyOn(process[`std${stream}`], 'write').mockImplementation((chunk) => {
      printed[stream] += String(chunk);
      return true;
    }),
  );
  try {
    return { code: await main(args), ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

function solve(repositories: readonly string[], words: readonly string[]) {
  return run([
    'apk',
    'solve',
    '--arch=x86_64',
    `--world=${join(folder, 'world')}`,
    `--installed=${join(folder, 'installed')}`,
    ...repositories.flatMap((repository) => ['--repo', repository]),
    '--',
    ...words,
  ]);
}

test('solve prints the changes for an apk command line with any options', async () => {
  const main = join(folder, 'main');
  const edge = `@edge=${join(folder, 'edge')}`;
  expect(await solve([main, edge], ['add', '-t', '.v=1', 'a', '--upgrade'])).toEqual({
    code: 0,
    out: 'install a 1\ninstall .v 1\nOK 3\n',
    err: '',
  });
  expect((await solve([main, edge], ['add', 'a@edge'])).out).toBe('install a 2 @edge\nOK 2\n');
  expect((await solve([main], ['add', '1.0'])).out).toBe('install 1.0 1\nOK 2\n');
  expect((await solve([main, `@x=${main}`], ['add', 'a@x'])).out).toBe('install a 1\nOK 2\n');
});

test('an error that apk would report is printed, and the exit code is 0', async () => {
  const { code, out } = await solve([join(folder, 'main')], ['add', 'c']);
  expect(code).toBe(0);
  expect(out).toMatch(/^ERROR unsatisfiable\n\| world wants c, but nothing is called/);
});

test('an unreadable file is named, and the exit code is 1', async () => {
  const missing = await solve([join(folder, 'nothing')], ['add']);
  expect(missing).toMatchObject({ code: 1, out: '' });
  expect(missing.err).toContain(`cannot be read: ENOENT (${join(folder, 'nothing')})`);
  expect(await solve([join(folder, 'damaged.tar.gz')], ['add'])).toMatchObject({
    code: 1,
    out: '',
  });
});

test('an index in format v3 is refused in one line, whatever its name', async () => {
  const file = join(folder, 'APKINDEX.tar.gz');
  writeFileSync(file, Buffer.concat([Buffer.from('ADBd'), Buffer.from([0, 1, 255, 254])]));
  const { code, out, err } = await solve([file], ['add', 'a']);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain(`format v3 (ADB), and only v2 can be read (${file})`);
  expect(err.trimEnd().split('\n')).toHaveLength(1);
});

test('a wrong command line of solve itself is a usage error', async () => {
  expect(await run(['apk', 'solve', '--', 'add', 'a'])).toMatchObject({ code: 2, out: '' });
});
