import { describe, expect, test } from 'vitest';
import { changes, details } from './situation.ts';

/** Cases in which apk-tools 3.0.8 decides differently from 2.14, each checked with the real program. */

describe('the order of decisions', () => {
  test('a name that a package has is decided before one that is only provided', () => {
    const repository = `
      lua5.3 1
      p:lua

      lua5.3-optarg 1
      D:lua5.3
      i:lua5.3

      lua5.4 1
      k:400
      p:lua

      lua-date 1
      D:lua
    `;
    expect(changes({ repository }, 'add lua5.3-optarg lua-date')).toEqual([
      'install lua5.3 1',
      'install lua5.3-optarg 1',
      'install lua-date 1',
      'OK 3',
    ]);
  });

  test('a name on the command line is decided first', () => {
    const given = { world: 'd', installed: 'g 2\np:d=3', repository: 'd 2\n\ng 3' };
    expect(changes(given, 'add -u g')).toEqual(['install d 2', 'upgrade g 2 3', 'OK 2']);
  });

  test('an install-if package keeps its version, even if the request is then unsatisfiable', () => {
    const repository = `
      c 2-r1
      D:g<=3.0_pre1

      c 3
      p:g
      i:e

      e 2
    `;
    expect(changes({ world: 'e', repository }, 'add g')).toEqual(['ERROR unsatisfiable']);
  });
});

describe('the choice of a provider', () => {
  test('a provider with a version is chosen before one without', () => {
    const repository = `
      pg16 1
      k:16
      p:pg

      bdr 1
      p:pg=9.4

      a 1
      D:pg
    `;
    expect(changes({ repository }, 'add a')).toEqual(['install bdr 1', 'install a 1', 'OK 2']);
  });

  test('on an upgrade a provider of higher priority is chosen before the installed one', () => {
    const given = {
      world: 'x',
      installed: 'x-b 2\np:x\nk:1',
      repository: 'x-a 3\np:x\nk:2\n\nx-b 2\np:x\nk:1',
    };
    expect(changes(given, 'upgrade')).toEqual(['purge x-b 2', 'install x-a 3', 'OK 1']);
    expect(changes(given, 'add x')).toEqual(['OK 1']);
  });

  test('the provider of highest priority is chosen, even if it was to be deleted', () => {
    const installed = 'x-b 2\np:x\nk:3';
    const world = 'x x-b';
    const higher = { world, installed, repository: 'x-a 3\np:x\nk:2\n\nx-b 2\np:x\nk:3' };
    expect(changes(higher, 'del x-b')).toEqual(['OK 1']);
    const lower = { world, installed, repository: 'x-a 3\np:x\nk:4\n\nx-b 2\np:x\nk:3' };
    expect(changes(lower, 'del x-b')).toEqual(['purge x-b 2', 'install x-a 3', 'OK 1']);
  });
});

describe('a pre-release', () => {
  const repository = 'lib 6.0_rc1-r0\n\napp 1\nD:lib>=6.0';

  test('does not satisfy a dependency on its release', () => {
    expect(changes({ repository }, 'add app')).toEqual(['ERROR unsatisfiable']);
    expect(changes({ repository }, 'add lib>=6.0')).toEqual(['ERROR unsatisfiable']);
  });
});

describe('a name provided without a version', () => {
  const repository = (dependency: string) => `v 1\np:lib\nk:1\n\napp 1\nD:v ${dependency}`;

  test.each(['lib<2', '!lib>2', '!lib=2'])('satisfies %s', (dependency) => {
    expect(changes({ repository: repository(dependency) }, 'add app')).toEqual([
      'install v 1',
      'install app 1',
      'OK 2',
    ]);
  });

  test.each(['lib>2', 'lib=2', 'lib~2', '!lib<2'])('does not satisfy %s', (dependency) => {
    const given = { repository: repository(dependency) };
    expect(changes(given, 'add app')).toEqual(['ERROR unsatisfiable']);
  });
});

describe('a package that cannot be installed', () => {
  test.each([
    ['depends on an invalid version', 'D:owfs=3.2p4-r0', '"owfs=3.2p4-r0"'],
    ['depends on the tag of a repository', 'D:owfs@edge', '"owfs@edge"'],
    ['has an unknown field whose letter is a capital', 'X:1', 'X:'],
  ])('%s', (_, field, said) => {
    const given = { repository: `dev 1\n${field}\n\nowfs 3.2p4-r0\n\nx 1` };
    expect(changes(given, 'add dev')).toEqual(['ERROR unsatisfiable']);
    expect(details(given, 'add dev')).toContain(said);
    expect(changes(given, 'add x')).toEqual(['install x 1', 'OK 1']);
  });

  // Of an installed database that is inconsistent with valid versions, nothing is claimed.
  test('cannot stay installed either, if it depends on an invalid version', () => {
    const given = {
      world: 'zlib-dev',
      installed: 'zlib-dev r2\nD:zlib=r3\n\nzlib r2',
      repository: 'zlib-dev r3\nD:zlib=r3\n\nzlib r3\n\nx 1',
    };
    expect(changes(given, 'add x')).toEqual(['ERROR unsatisfiable']);
  });

  test('is skipped in favour of another version', () => {
    const repository = 'dev 2\nD:owfs=3.2p4-r0\n\ndev 1\n\nowfs 3.2p4-r0';
    expect(changes({ repository }, 'add dev')).toEqual(['install dev 1', 'OK 1']);
  });

  test('does not install itself by a condition with an invalid version', () => {
    const repository = 'v 1\n\nw 1\ni:v q=foo';
    expect(changes({ repository }, 'add v')).toEqual(['install v 1', 'OK 1']);
  });
});

describe('installed packages that conflict', () => {
  const given = {
    world: 'zlib-dev',
    installed: 'zlib-dev 1-r2\nD:zlib=1-r3\n\nzlib 1-r2',
    repository: 'zlib 1-r3\n\nzlib-dev 1-r3\nD:zlib=1-r3',
  };

  test('are repaired by fix if possible', () => {
    expect(changes(given, 'fix')).toEqual(['upgrade zlib 1-r2 1-r3', 'OK 2']);
  });

  test('are an error if fix is to keep the named one', () => {
    expect(changes(given, 'fix zlib')).toEqual(['ERROR unsatisfiable']);
  });
});

describe('fix', () => {
  test('skips a package that no repository has', () => {
    expect(changes({ world: 'a', installed: 'a 1' }, 'fix a')).toEqual([
      'skip-reinstall a 1',
      'OK 1',
    ]);
    const there = { world: 'a', installed: 'a 1', repository: 'a 1' };
    expect(changes(there, 'fix a')).toEqual(['reinstall a 1', 'OK 1']);
    expect(changes(there, 'fix --no-network a')).toEqual(['skip-reinstall a 1', 'OK 1']);
  });

  test('knows names that packages only depend on', () => {
    const given = { world: 'a', installed: 'a 1', repository: 'a 1\n\nb 1\nD:c' };
    expect(changes(given, 'fix c')).toEqual(['OK 1']);
    expect(changes(given, 'fix d')).toEqual(['ERROR other']);
  });
});
