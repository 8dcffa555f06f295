import { describe, expect, test } from 'vitest';
import { changes } from './situation.ts';

const BASIC = `
  a 1
  D:b

  a 2
  D:b

  b 1

  b 2
`;

describe('adding to an empty system', () => {
  test('dependencies are installed before their dependents, in the newest version', () => {
    expect(changes({ repository: BASIC }, 'add a')).toEqual(['install b 2', 'install a 2', 'OK 2']);
  });

  test('packages of the world are installed in order of their names, ignoring case', () => {
    const repository = 'b 1\n\nC 1\n\na 1\n\nB 1';
    expect(changes({ repository }, 'add b C a B')).toEqual([
      'install a 1',
      'install B 1',
      'install b 1',
      'install C 1',
      'OK 4',
    ]);
  });

  test('a version that a dependency excludes is not installed', () => {
    const repository = `${BASIC}\n\nc 1\nD:b<2`;
    expect(changes({ repository }, 'add a c')).toEqual([
      'install b 1',
      'install a 2',
      'install c 1',
      'OK 3',
    ]);
  });

  test('the newest version is chosen without backtracking, as apk does', () => {
    const repository = 'a 1\n\na 2\nD:missing';
    expect(changes({ repository }, 'add a')).toEqual(['ERROR unsatisfiable']);
    expect(changes({ repository }, 'add a<2')).toEqual(['install a 1', 'OK 1']);
  });

  test('circular dependencies are resolved', () => {
    const repository = 'a 1\nD:b\n\nb 1\nD:c\n\nc 1\nD:a';
    expect(changes({ repository }, 'add b')).toEqual([
      'install a 1',
      'install c 1',
      'install b 1',
      'OK 3',
    ]);
  });

  test('a dependency on an identity needs exactly that build', () => {
    const repository = 'a 1\nT:one\n\na 1\nT:two';
    expect(changes({ repository }, 'add a><Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=')).toEqual([
      'ERROR unsatisfiable',
    ]);
  });
});

describe('with installed packages', () => {
  const installed = 'a 1\nD:b\n\nb 1';

  test('add does not upgrade installed packages', () => {
    expect(changes({ world: 'a', installed, repository: BASIC }, 'add')).toEqual(['OK 2']);
    expect(changes({ world: 'a', installed, repository: BASIC }, 'add b')).toEqual(['OK 2']);
  });

  test('upgrade installs the newest version of all packages', () => {
    expect(changes({ world: 'a', installed, repository: BASIC }, 'upgrade')).toEqual([
      'upgrade b 1 2',
      'upgrade a 1 2',
      'OK 2',
    ]);
  });

  test('the same version with another identity is replaced only with --available', () => {
    const given = { world: 'a', installed: 'a 2\nD:b\nT:old\n\nb 2\nT:old', repository: BASIC };
    expect(changes(given, 'upgrade')).toEqual(['OK 2']);
    expect(changes(given, 'upgrade -a')).toEqual(['replace b 2 2', 'replace a 2 2', 'OK 2']);
  });

  test('a version that no repository has is downgraded only with --available', () => {
    const given = { world: 'b', installed: 'b 3', repository: BASIC };
    expect(changes(given, 'upgrade')).toEqual(['OK 1']);
    expect(changes(given, 'upgrade --available')).toEqual(['downgrade b 3 2', 'OK 1']);
  });

  test('a package that conflicts with a newer version is purged before it is installed', () => {
    const repository = 'app 2\nD:new\n\nnew 1\nD:!old';
    const given = { world: 'app', installed: 'old 1\n\napp 1\nD:old', repository };
    expect(changes(given, 'upgrade')).toEqual([
      'purge old 1',
      'install new 1',
      'upgrade app 1 2',
      'OK 2',
    ]);
  });

  test('packages that are no longer needed are purged, dependents first', () => {
    const given = { world: 'c', installed: `c 1\n\n${installed}`, repository: 'c 1' };
    expect(changes(given, 'add')).toEqual(['purge a 1', 'purge b 1', 'OK 1']);
  });

  test('a package that only the cache has can be installed', () => {
    const given = { cache: 'a 1', repository: 'a 0' };
    expect(changes(given, 'add a')).toEqual(['install a 0', 'OK 1']);
    expect(changes(given, 'add a=1')).toEqual(['install a 1', 'OK 1']);
  });
});

describe('without the network', () => {
  test('packages of repositories are not available, except those without files', () => {
    const repository = 'a 1\n\nmeta 1\nI:0';
    expect(changes({ repository }, '--no-network add a')).toEqual(['ERROR unsatisfiable']);
    expect(changes({ repository }, 'add meta --no-network')).toEqual(['install meta 1', 'OK 1']);
  });

  test('installed packages stay', () => {
    expect(
      changes({ world: 'b', installed: 'b 1', repository: BASIC }, '--no-network upgrade'),
    ).toEqual(['OK 1']);
  });
});

describe('the CPU', () => {
  const repository = 'a 1\nA:aarch64\n\nb 1\nA:noarch\n\nc 1\nA:x86_64';

  test('packages for another CPU are not installed', () => {
    const given = { architecture: 'x86_64', repository };
    expect(changes(given, 'add b c')).toEqual(['install b 1', 'install c 1', 'OK 2']);
    expect(changes(given, 'add a')).toEqual(['ERROR unsatisfiable']);
  });
});
