import { describe, expect, test } from 'vitest';
import { changes, details } from '../solver/situation.ts';

const REPOSITORY = 'a 1\nD:b\n\na 2\nD:b\n\nb 1\n\nb 2\n\nc 1\nD:b';
const INSTALLED = 'a 1\nD:b\n\nb 1';
const given = { world: 'a', installed: INSTALLED, repository: REPOSITORY };

describe('add', () => {
  test('--upgrade takes the newest versions of the named packages and their dependencies', () => {
    expect(changes(given, 'add -u a')).toEqual(['upgrade b 1 2', 'upgrade a 1 2', 'OK 2']);
    expect(changes(given, 'add --upgrade c')).toEqual(['upgrade b 1 2', 'install c 1', 'OK 3']);
  });

  test('--latest insists on the newest versions, even if that is unsatisfiable', () => {
    const strict = { ...given, world: 'a<2' };
    expect(changes(strict, 'add -u b')).toEqual(['upgrade b 1 2', 'OK 2']);
    expect(changes(strict, 'add -l a<2')).toEqual(['ERROR unsatisfiable']);
  });

  test('--virtual makes a package that depends on the named ones', () => {
    expect(changes(given, 'add -t .v=1 c')).toEqual(['install c 1', 'install .v 1', 'OK 4']);
    expect(changes({}, '--no-network add --virtual .v=1')).toEqual(['install .v 1', 'OK 1']);
    expect(changes({}, 'add -t .v')[0]).toMatch(/^install \.v \d{8}\.\d{6}$/);
  });

  test('a new version of a virtual package replaces the earlier one', () => {
    const before = { world: '.v=1', installed: '.v 1\nI:0\nD:b\n\nb 1', repository: REPOSITORY };
    expect(changes(before, 'add -t .v=2 c')).toEqual(['install c 1', 'upgrade .v 1 2', 'OK 3']);
  });

  test.each([
    'add a=',
    'add a==',
    'add =1',
    'add a@',
    'add -t .v a@edge',
    'add -t .v=invalid a',
    'add -t !v a',
    'add -t .v>1 a',
    'add --nonsense a',
    'add -t',
    'nonsense a',
    '',
  ])('%j is a syntax error', (words) => {
    expect(changes(given, words)).toEqual(['ERROR syntax']);
    expect(details(given, words)).not.toBe('');
  });

  test('package files as arguments are refused', () => {
    expect(changes(given, 'add ./x.apk')).toEqual(['ERROR other']);
  });
});

describe('del', () => {
  test('removes a name from the world, and packages that only it needed', () => {
    expect(changes(given, 'del a')).toEqual(['purge a 1', 'purge b 1', 'OK 0']);
    expect(changes({ ...given, world: 'a b' }, 'del a')).toEqual(['purge a 1', 'OK 1']);
  });

  test('keeps a package that another one needs, in its newest version', () => {
    expect(changes({ ...given, world: 'a b' }, 'del b')).toEqual(['upgrade b 1 2', 'OK 2']);
  });

  test('--rdepends also removes the packages that depend on the named one', () => {
    expect(changes({ ...given, world: 'a b' }, 'del -r b')).toEqual([
      'purge a 1',
      'purge b 1',
      'OK 0',
    ]);
  });

  test('replaces the deleted provider if another one is better', () => {
    const before = { world: 'x x-b', installed: 'x-b 2\np:x=2' };
    const older = { ...before, repository: 'x-a 1\np:x=1\n\nx-b 2\np:x=2' };
    expect(changes(older, 'del x-b')).toEqual(['OK 1']);
    const newer = { ...before, repository: 'x-a 3\np:x=3\n\nx-b 2\np:x=2' };
    expect(changes(newer, 'del x-b')).toEqual(['purge x-b 2', 'install x-a 3', 'OK 1']);
  });

  test.each(['[ab]*', '*', '[!c]*', '[^c]*', '?*', '**', 'A* B*', '[a-b]*', '\\a* b', 'a b z*'])(
    'accepts the pattern %s',
    (words) => {
      const before = { ...given, world: 'a b', repository: `${REPOSITORY}\n\nso:x/y 1` };
      expect(changes(before, `del ${words}`)).toEqual(['purge a 1', 'purge b 1', 'OK 0']);
    },
  );

  test('a pattern may match nothing; a word without * is a name', () => {
    expect(changes(given, 'del z*')).toEqual(['OK 2']);
    for (const pattern of ['[a*', '[z-a]*', '[]*', '[!]*', '*\\', '[\\d]*', '*('.repeat(50)]) {
      expect(changes(given, `del ${pattern}`)).toEqual(['OK 2']);
    }
    for (const word of ['[ab]', '?', 'z']) {
      expect(changes(given, `del ${word}`)).toEqual(['ERROR other']);
    }
  });

  test('an unknown name is reported with a similar one', () => {
    expect(changes(given, 'del nonsense')).toEqual(['ERROR other']);
    expect(details({ repository: 'openssl 1' }, 'del opensll')).toContain('Did you mean openssl?');
  });
});

describe('upgrade', () => {
  test('limits the upgrade to the named packages', () => {
    expect(changes(given, 'upgrade b')).toEqual(['upgrade b 1 2', 'OK 2']);
    expect(changes(given, 'upgrade --ignore b')).toEqual(['upgrade a 1 2', 'OK 2']);
  });

  test('--prune drops names from the world that no repository has', () => {
    const lost = { ...given, world: 'a lost', installed: `${INSTALLED}\n\nlost 1` };
    expect(changes(lost, 'upgrade --prune')).toEqual([
      'purge lost 1',
      'upgrade b 1 2',
      'upgrade a 1 2',
      'OK 2',
    ]);
    expect(changes(lost, 'upgrade')).toEqual(['upgrade b 1 2', 'upgrade a 1 2', 'OK 3']);
  });

  test('--latest insists on the newest versions', () => {
    expect(changes({ ...given, world: 'a<2' }, 'upgrade')).toEqual(['upgrade b 1 2', 'OK 2']);
    expect(changes({ ...given, world: 'a<2' }, 'upgrade --latest')).toEqual([
      'ERROR unsatisfiable',
    ]);
  });

  test('--self-upgrade-only upgrades only the package manager and the dependencies that it needs', () => {
    const repository = 'apk-tools 2\nD:lib>=2\n\nlib 2\n\napp 2';
    const installed = 'apk-tools 1\nD:lib\n\nlib 1\n\napp 1';
    const before = { world: 'apk-tools app', installed, repository };
    expect(changes(before, 'upgrade --self-upgrade-only')).toEqual([
      'upgrade lib 1 2',
      'upgrade apk-tools 1 2',
      'OK',
    ]);
    expect(changes({ ...before, repository: 'app 2' }, 'upgrade --self-upgrade-only')).toEqual([
      'OK',
    ]);
  });
});

describe('fix', () => {
  test('reinstalls the named package, with --depends also its dependencies', () => {
    expect(changes(given, 'fix a')).toEqual(['reinstall a 1', 'OK 2']);
    expect(changes(given, 'fix -d a')).toEqual(['reinstall b 1', 'reinstall a 1', 'OK 2']);
  });

  test('--upgrade installs the newest version instead', () => {
    expect(changes(given, 'fix -u a')).toEqual(['upgrade a 1 2', 'OK 2']);
    expect(changes(given, 'fix --upgrade --depends a')).toEqual([
      'upgrade b 1 2',
      'upgrade a 1 2',
      'OK 2',
    ]);
  });

  test('without names reinstalls broken packages', () => {
    const broken = { ...given, installed: 'a 1\nD:b\nf:f\n\nb 1\nf:x' };
    expect(changes(broken, 'fix')).toEqual(['reinstall a 1', 'OK 2']);
    expect(changes(broken, 'fix --xattr')).toEqual(['reinstall b 1', 'reinstall a 1', 'OK 2']);
    expect(changes(given, 'fix')).toEqual(['OK 2']);
  });
});

test('options may precede the command, and options without effect on the solution are accepted', () => {
  expect(changes(given, '-q --no-cache -U upgrade -v -v --no-scripts')).toEqual([
    'upgrade b 1 2',
    'upgrade a 1 2',
    'OK 2',
  ]);
  expect(changes(given, '--no-network add -t .v=1 a')).toEqual(['install .v 1', 'OK 3']);
});

describe('options of apk 3', () => {
  test.each([
    '--root-tmpfs',
    '--root-tmpfs=auto',
    '--no-root-tmpfs',
    '--preupgrade-depends b',
    '--preupgrade-depends=b',
    '--cache=no',
    '--no-cache-packages',
    '--check-certificate',
    '--sync=auto',
    '--interactive=no',
    '--scripts=no',
    '--network=yes',
    '--usermode',
  ])('%s is accepted and does not change the result of add', (option) => {
    expect(changes(given, `add ${option} c`)).toEqual(['install c 1', 'OK 3']);
    expect(changes(given, `${option} add c`)).toEqual(['install c 1', 'OK 3']);
  });

  test.each([
    '--root-tmpfs=true',
    '--root-tmpfs=',
    '--network=auto',
    '--no-network=yes',
    '--root-tmpf',
    '--preupgrade-only',
    '--no-preupgrade',
    '--no-upgrade',
    '--preupgrade-depends',
  ])('%s is refused as an option of add', (option) => {
    expect(changes(given, `add c ${option}`)).toEqual(['ERROR syntax']);
  });

  test('--network=no is --no-network, and the last one counts', () => {
    expect(changes(given, 'add --network=no c')).toEqual(['ERROR unsatisfiable']);
    expect(changes(given, 'add --network=no --network c')).toEqual(['install c 1', 'OK 3']);
  });

  test('words after -- are names, not options', () => {
    expect(changes(given, 'add -- c --root-tmpfs')).toEqual(['ERROR unsatisfiable']);
  });

  const before = {
    world: 'apk-tools b c',
    installed: 'apk-tools 1\nD:lib\n\nlib 1\n\nb 1\n\nc 1',
    repository: 'apk-tools 2\nD:lib>=2\n\nlib 2\n\nb 2\n\nc 2\n\nn 1',
  };
  const self = ['upgrade lib 1 2', 'upgrade apk-tools 1 2'];

  test('--preupgrade-only upgrades the package manager and the packages of --preupgrade-depends', () => {
    expect(changes(before, 'upgrade --preupgrade-only')).toEqual([...self, 'OK 4']);
    for (const named of ['b', 'b<2', 'b=1']) {
      const words = `upgrade --preupgrade-only --preupgrade-depends ${named}`;
      expect(changes(before, words)).toEqual([...self, 'upgrade b 1 2', 'OK 4']);
    }
  });

  test.each(['n', 'nobody', '!b', 'b~2', 'b>=2', 'b=foo', 'b>3'])(
    '--preupgrade-depends %s upgrades nothing, because no older package is installed',
    (named) => {
      const words = `upgrade --preupgrade-only --preupgrade-depends ${named}`;
      expect(changes(before, words)).toEqual([...self, 'OK 4']);
    },
  );

  test('an upgrade without the pre-upgrade step has the same result', () => {
    const all = [...self, 'upgrade b 1 2', 'upgrade c 1 2', 'OK 4'];
    for (const option of [
      '--no-preupgrade',
      '--preupgrade=no',
      '--no-self-upgrade',
      '--preupgrade',
    ]) {
      expect(changes(before, `upgrade ${option}`)).toEqual(all);
    }
    expect(changes(before, 'upgrade --preupgrade-only --no-preupgrade')).toEqual(['OK']);
  });
});
