import { describe, expect, test } from 'vitest';
import {
  installPackages,
  type PackageToInstall,
  planInstallation,
} from '../../../../build/base/alpine/install.ts';
import { BuildError } from '../../../../build/error.ts';
import { ContentReader } from '../../../../build/tree/content.ts';
import type { Entry } from '../../../../build/tree/entry.ts';
import { getParent, nameOf } from '../../../../build/tree/path.ts';
import { Tree } from '../../../../build/tree/tree.ts';
import { directory, file, hardlink, symlink } from '../../tree/trees.ts';
import { installed, ownedDirectory, ownedFile } from './packages.ts';

interface More {
  fields?: Record<string, string>;
  replaces?: string[];
  replacesPriority?: number;
}

/** A package with these entries, and a record that lists them. */
function pack(name: string, entries: Entry[], more: More = {}): PackageToInstall {
  const directories = entries
    .filter(({ type }) => type === 'directory')
    .map(({ path, uid, gid, mode }) => ({
      ...ownedDirectory(
        path,
        ...entries
          .filter((entry) => entry.type !== 'directory' && getParent(entry.path) === path)
          .map((entry) => ({
            ...ownedFile(nameOf(entry.path)),
            ownership: { uid: entry.uid, gid: entry.gid, mode: entry.mode },
          })),
      ),
      ownership: { uid, gid, mode },
    }));
  const { fields, ...record } = more;
  return { ...installed(name, fields, { ...record, directories }), entries };
}

/** Installs into an empty root. */
function installAll(...packages: PackageToInstall[]): Tree {
  const tree = new Tree(new ContentReader());
  const plan = planInstallation({ packages, world: ['a'], architecture: 'x86_64' });
  installPackages(plan, tree);
  return tree;
}

/** Returns the names of a package's files in the database. */
function owned(tree: Tree, name: string): string[] {
  const text = tree.text('lib/apk/db/installed') ?? '';
  const stanza = text.split('\n\n').find((part) => part.includes(`\nP:${name}\n`)) ?? '';
  return [...stanza.matchAll(/^R:(.*)$/gm)].map((match) => match[1] ?? '');
}

const etc = directory('etc');

test('an empty root gets the database, apk’s directories, and the files of the packages', () => {
  const tree = installAll(pack('a', [etc, file('etc/x', 'x'), symlink('etc/y', 'x')]));
  expect(tree.text('etc/y')).toBe('x');
  expect(tree.at('tmp')?.mode).toBe(0o1777);
  expect(tree.at('proc')?.mode).toBe(0o555);
  expect(tree.text('etc/apk/world')).toBe('a\n');
  expect(owned(tree, 'a')).toEqual(['x', 'y']);
});

describe('two packages with the same file', () => {
  const one = file('etc/x', 'of one');
  const two = file('etc/x', 'of two');

  test('are refused if neither replaces the other', () => {
    const both = () => installAll(pack('one', [etc, one]), pack('two', [etc, two]));
    expect(both).toThrow(BuildError);
    expect(both).toThrow('packages one and two both have etc/x, and neither replaces the other');
  });

  test('of one origin: the later one owns it', () => {
    const fields = { o: 'source' };
    const tree = installAll(
      pack('one', [etc, one], { fields }),
      pack('two', [etc, two], { fields }),
    );
    expect(tree.text('etc/x')).toBe('of two');
    expect([owned(tree, 'one'), owned(tree, 'two')]).toEqual([[], ['x']]);
  });

  test('of which the later replaces the earlier: the later one owns it', () => {
    const tree = installAll(
      pack('one', [etc, one]),
      pack('two', [etc, two], { replaces: ['one'] }),
    );
    expect(tree.text('etc/x')).toBe('of two');
    expect([owned(tree, 'one'), owned(tree, 'two')]).toEqual([[], ['x']]);
  });

  test('of which the earlier replaces the later: the earlier one owns it', () => {
    const tree = installAll(
      pack('one', [etc, one], { replaces: ['two'] }),
      pack('two', [etc, two]),
    );
    expect(tree.text('etc/x')).toBe('of one');
    expect([owned(tree, 'one'), owned(tree, 'two')]).toEqual([['x'], []]);
  });

  test.each([
    [5, 1, 'of one'],
    [1, 5, 'of two'],
    [3, 3, 'of two'],
  ])(
    'that replace each other with priorities %d and %d: the higher one owns it, else the later',
    (a, b, content) => {
      const tree = installAll(
        pack('one', [etc, one], { replaces: ['two'], replacesPriority: a }),
        pack('two', [etc, two], { replaces: ['one'], replacesPriority: b }),
      );
      expect(tree.text('etc/x')).toBe(content);
    },
  );

  test('a hard link to a file that another package owns is refused', () => {
    const linked = [etc, two, hardlink('etc/z', 'etc/x')];
    expect(() =>
      installAll(pack('one', [etc, one], { replaces: ['two'] }), pack('two', linked)),
    ).toThrow('hard link etc/z names etc/x, which belongs to another package');
  });

  test('a hard link keeps its content when another package takes over the file', () => {
    const linked = [etc, one, hardlink('etc/z', 'etc/x')];
    const tree = installAll(pack('one', linked), pack('two', [etc, two], { replaces: ['one'] }));
    expect([tree.text('etc/x'), tree.text('etc/z')]).toEqual(['of two', 'of one']);
  });
});

test('a file of a named account gets the account’s number in this root, in the database too', () => {
  const srv = { ...directory('srv'), uid: 901, gid: 902 };
  const data = { ...file('srv/data', 'x'), uid: 901, gid: 902 };
  const app = pack('app', [srv, data]);
  const names = { user: 'app', group: 'unknown' };
  const owners = new Map([srv, data].map(({ path }) => [path, names]));
  const named = { ...app, record: { ...app.record, owners } };
  const accounts = { users: new Map([['app', 77]]), groups: new Map([['app', 78]]) };
  const plan = planInstallation({ packages: [named], world: [], architecture: 'x86_64', accounts });
  const tree = new Tree(new ContentReader());
  installPackages(plan, tree);
  expect(tree.at('srv')).toMatchObject({ uid: 77, gid: 902 });
  expect(tree.at('srv/data')).toMatchObject({ uid: 77, gid: 902 });
  const text = tree.text('lib/apk/db/installed');
  expect(text).toContain('F:srv\nM:77:902:755\nR:data\na:77:902:644\n');
});

describe('a directory of several packages', () => {
  const own = (uid: number, mode: number) => ({ ...directory('srv', mode), uid });

  test('has the permissions common to all, in any order', () => {
    const [tight, wide] = [pack('a', [own(0, 0o700)]), pack('b', [own(0, 0o755)])];
    expect(installAll(tight, wide).at('srv')?.mode).toBe(0o700);
    expect(installAll(wide, tight).at('srv')?.mode).toBe(0o700);
  });

  test('belongs to the lowest user', () => {
    const tree = installAll(pack('a', [own(100, 0o700)]), pack('b', [own(0, 0o755)]));
    expect(tree.at('srv')).toMatchObject({ uid: 0, mode: 0o755 });
  });

  test('is recorded for each package with that package’s owner and mode', () => {
    const tree = installAll(pack('a', [own(0, 0o700)]), pack('b', [own(5, 0o750)]));
    const text = tree.text('lib/apk/db/installed') ?? '';
    expect(text).toContain('F:srv\nM:0:0:700\n');
    expect(text).toContain('F:srv\nM:5:0:750\n');
  });
});

test('a root whose /lib is a link to /usr/lib has the database behind the link', () => {
  const tree = installAll(
    pack('base', [directory('usr'), directory('usr/lib'), symlink('lib', 'usr/lib')]),
  );
  expect(tree.at('lib')?.type).toBe('symlink');
  expect(tree.text('lib/apk/db/installed')).toContain('P:base');
});

test('a later file of a package replaces an earlier one that resolves to the same path', () => {
  const base = pack('base', [
    directory('usr'),
    directory('usr/lib'),
    symlink('lib', 'usr/lib'),
    file('usr/lib/x', '1'),
  ]);
  const tree = installAll(base, pack('b', [directory('lib'), file('lib/x', '2')]));
  expect(tree.text('usr/lib/x')).toBe('2');
});
