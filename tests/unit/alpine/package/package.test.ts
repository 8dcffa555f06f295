import { describe, expect, test } from 'vitest';
import { readTrustedKeys } from '../../../../build/base/alpine/signature/keys.ts';
import { makeKey } from '../../../alpine-mirror/key.ts';
import { packPackage } from '../../../alpine-mirror/package.ts';
import type { PackageRecipe } from '../../../alpine-mirror/recipe.ts';
import { directory, file, hardlink, symlink } from '../../tree/trees.ts';
import { key, openBytes } from '../opened.ts';
import { haveReal, REAL_KEY, realFile } from '../real.ts';

const entries = [
  directory('usr'),
  directory('usr/bin'),
  file('usr/bin/tool', '#!/bin/sh\n', { mode: 0o4755, uid: 3, gid: 7 }),
  symlink('usr/bin/alias', '/usr/bin/tool'),
  hardlink('usr/bin/other', 'usr/bin/tool'),
  file('usr/bin/empty'),
  file(`usr/bin/${'n'.repeat(150)}`, 'long'),
  { ...directory('dev'), mode: 0o700 },
  { ...directory('dev/null'), type: 'character' as const, major: 1, minor: 3 },
  { ...directory('dev/sda'), type: 'block' as const, major: 8, minor: 0 },
  { ...directory('dev/pipe'), type: 'fifo' as const },
];

const recipe: PackageRecipe = {
  name: 'tool',
  version: '1.2-r3',
  replaces: ['a', 'b<2'],
  replacesPriority: 5,
  triggers: ['/usr/share/x', '/lib/*'],
  scripts: { 'post-install': '#!/bin/sh\nexit 1\n', trigger: '#!/bin/sh\n' },
  entries,
};

const shape = ({ type, path, mode, uid, gid, ...rest }: (typeof entries)[number]) => ({
  type,
  path,
  mode,
  uid,
  gid,
  ...('target' in rest ? { target: rest.target } : {}),
  ...('major' in rest ? { major: rest.major, minor: rest.minor } : {}),
  ...('content' in rest && rest.content.in === 'memory'
    ? { content: Buffer.from(rest.content.bytes).toString() }
    : {}),
});

describe('a package', () => {
  test('is read with types, owners, modes, targets, device numbers and contents', async () => {
    const { bytes } = await packPackage(recipe, { key });
    const { entries: read } = await openBytes(bytes);
    expect(read.map((entry) => shape(entry as (typeof entries)[number]))).toEqual(
      entries.map(shape),
    );
  });

  test('keeps extended attributes of files, such as the capabilities of ping', async () => {
    const attributes = { 'security.capability': '0100000200200a000000ff0000000000' };
    const ping = { ...file('usr/bin/ping', 'ping'), attributes };
    const { bytes } = await packPackage({ ...recipe, entries: [...entries, ping] }, { key });
    const { entries: read, record } = await openBytes(bytes);
    expect(read.filter((entry) => entry.attributes !== undefined)).toMatchObject([
      { path: 'usr/bin/ping', attributes },
    ]);
    const names = record.directories.flatMap(({ files }) => files);
    expect(names.filter(({ ownership }) => ownership.xattrs !== undefined)).toMatchObject([
      { name: 'ping' },
    ]);
  });

  test('keeps scripts, triggers and replaced packages for the installed database', async () => {
    const { bytes } = await packPackage(recipe, { key });
    const { record } = await openBytes(bytes);
    expect(record.replaces).toEqual(['a', 'b<2']);
    expect(record.replacesPriority).toBe(5);
    expect(record.triggers).toEqual(['/usr/share/x', '/lib/*']);
    expect(record.scripts.get('post-install')?.toString()).toBe('#!/bin/sh\nexit 1\n');
    expect([...record.scripts.keys()]).toEqual(['post-install', 'trigger']);
  });

  test('keeps directories and files in the order of its archive, with the checksum of each', async () => {
    const { bytes } = await packPackage(recipe, { key });
    const { record } = await openBytes(bytes);
    expect(record.directories.map(({ path }) => path)).toEqual(['usr', 'usr/bin', 'dev']);
    const files = record.directories[1]?.files ?? [];
    const [tool, , other, empty] = files;
    expect(tool).toMatchObject({ name: 'tool', ownership: { uid: 3, gid: 7, mode: 0o4755 } });
    expect(other?.sha1).toBe(tool?.sha1);
    expect(empty?.sha1).toBe('da39a3ee5e6b4b0d3255bfef95601890afd80709');
    expect(record.directories[2]?.files.map(({ sha1 }) => sha1)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('has the same bytes each time it is built', async () => {
    const [one, two] = [await packPackage(recipe, { key }), await packPackage(recipe, { key })];
    expect(one.bytes.equals(two.bytes)).toBe(true);
  });

  test('needs no trusted key if a signed index lists it', async () => {
    const { bytes, identity } = await packPackage(recipe, { key: makeKey('stranger') });
    await expect(openBytes(bytes)).rejects.toThrow('stranger, which is not a trusted key');
    await expect(openBytes(bytes, { identity })).resolves.toBeDefined();
  });

  test('that is another package, or another build, than the index lists is refused', async () => {
    const { identity } = await packPackage(recipe, { key });
    const rebuilt = await packPackage({ ...recipe, builddate: 1_700_000_001 }, { key });
    await expect(openBytes(rebuilt.bytes, { identity })).rejects.toThrow(
      'another package than the index says',
    );
  });
});

describe.skipIf(!haveReal)('the package alpine-baselayout 3.4.0-r0 of Alpine', () => {
  const bytes = () => realFile('alpine-baselayout-3.4.0-r0.apk');
  const keys = () => readTrustedKeys([[REAL_KEY, realFile(REAL_KEY).toString()]]);

  test('is read with the key that signed it', async () => {
    const { entries: read, record } = await openBytes(bytes(), { keys: keys() });
    expect(read).toHaveLength(83);
    expect(record.directories.find(({ path }) => path === 'root')?.ownership.mode).toBe(0o700);
    expect([...record.scripts.keys()].sort()).toEqual([
      'post-install',
      'post-upgrade',
      'pre-install',
      'pre-upgrade',
    ]);
    const crontab = record.directories.find(({ path }) => path === 'etc/crontabs')?.files[0];
    expect(crontab).toMatchObject({ name: 'root', ownership: { mode: 0o600 } });
  });

  test('is refused without that key, with another key of the same name, and if the index lists another architecture’s package', async () => {
    await expect(openBytes(bytes())).rejects.toThrow('not a trusted key');
    const stranger = readTrustedKeys([[REAL_KEY, key.pem]]);
    await expect(openBytes(bytes(), { keys: stranger })).rejects.toThrow('signature is wrong');
    const identity = 'Q1/eXfmbYT1WXenFSqKjroYyK84NE=';
    await expect(openBytes(bytes(), { keys: keys(), identity })).rejects.toThrow('another package');
  });

  test('is refused with one bit changed anywhere behind its signature', async () => {
    const trusted = keys();
    const whole = bytes();
    for (let at = 700; at < whole.length; at += 97) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x04;
      await expect(openBytes(changed, { keys: trusted }), `byte ${at}`).rejects.toThrow(
        'package a',
      );
    }
  });
});
