import { describe, expect, test } from 'vitest';
import { changes } from './situation.ts';

describe('a name that is provided with a version', () => {
  const repository = `
    libfoo 1
    p:so:foo.1=1.0

    libfoo 2
    p:so:foo.2=1.0

    app 1
    D:so:foo.1

    service-a 1
    p:service=1

    service-b 1
    p:service=2
  `;

  test('is satisfied by its provider', () => {
    expect(changes({ repository }, 'add app')).toEqual([
      'install libfoo 1',
      'install app 1',
      'OK 2',
    ]);
  });

  test('is satisfied by the highest version that fits', () => {
    expect(changes({ repository }, 'add service')).toEqual(['install service-b 1', 'OK 1']);
    expect(changes({ repository }, 'add service<2')).toEqual(['install service-a 1', 'OK 1']);
  });

  test('can have one installed provider only', () => {
    expect(changes({ repository }, 'add service-a service-b')).toEqual(['ERROR unsatisfiable']);
  });

  test('is compared by its own version, then by the package’s version, then by priority', () => {
    const versions = `
      old 9
      p:thing=1

      new 1
      p:thing=2
    `;
    expect(changes({ repository: versions }, 'add thing')).toEqual(['install new 1', 'OK 1']);
    const own = `
      one 1
      p:thing=1
      k:100

      one 2
      p:thing=1
      k:10
    `;
    expect(changes({ repository: own }, 'add thing')).toEqual(['install one 2', 'OK 1']);
    expect(changes({ repository: own }, 'add one')).toEqual(['install one 2', 'OK 1']);
  });

  test('cannot be provided twice by one package', () => {
    const twice = 'a 1\np:b=1 b=2';
    expect(changes({ repository: twice }, 'add a')).toEqual(['ERROR unsatisfiable']);
  });

  test('can replace the package of that name', () => {
    const given = { world: 'a', installed: 'a 1', repository: 'b 2\np:a=2' };
    expect(changes(given, 'upgrade')).toEqual(['purge a 1', 'install b 2', 'OK 1']);
  });
});

describe('a name that is provided without a version', () => {
  const repository = `
    reader-a 1
    p:reader
    k:1

    reader-b 1
    p:reader
    k:2

    shell-a 1
    p:shell

    shell-b 1
    p:shell

    app 1
    D:shell
  `;

  test('is satisfied by the provider of highest priority', () => {
    expect(changes({ repository }, 'add reader')).toEqual(['install reader-b 1', 'OK 1']);
  });

  test('is satisfied by a named provider, and may have several providers', () => {
    expect(changes({ repository }, 'add reader reader-a')).toEqual(['install reader-a 1', 'OK 1']);
    expect(changes({ repository }, 'add reader-a reader-b')).toEqual([
      'install reader-a 1',
      'install reader-b 1',
      'OK 2',
    ]);
  });

  test('is not satisfied by any provider without a priority', () => {
    expect(changes({ repository }, 'add shell')).toEqual(['ERROR unsatisfiable']);
    expect(changes({ repository }, 'add app')).toEqual(['ERROR unsatisfiable']);
    expect(changes({ repository: 'a 1\np:b' }, 'add b')).toEqual(['ERROR unsatisfiable']);
    expect(changes({ repository }, 'add app shell-b')).toEqual([
      'install shell-b 1',
      'install app 1',
      'OK 2',
    ]);
  });

  test('does not satisfy a dependency on a version', () => {
    expect(changes({ repository }, 'add reader>0')).toEqual(['ERROR unsatisfiable']);
  });

  test('keeps the installed provider', () => {
    const given = { world: 'reader', installed: 'reader-a 1\np:reader\nk:1', repository };
    expect(changes(given, 'add')).toEqual(['OK 1']);
    expect(changes(given, 'add reader-b')).toEqual([
      'purge reader-a 1',
      'install reader-b 1',
      'OK 1',
    ]);
  });

  test('can be forbidden by a provider, which is then the only one', () => {
    const alone = `${repository}\n\nreader-solo 1\np:reader\nD:!reader`;
    expect(changes({ repository: alone }, 'add reader-solo')).toEqual([
      'install reader-solo 1',
      'OK 1',
    ]);
    expect(changes({ repository: alone }, 'add reader-solo reader-a')).toEqual([
      'ERROR unsatisfiable',
    ]);
  });
});

test('of equal providers the one in the first repository is installed', () => {
  const repositories = [
    ['', 'one 1\np:x=1'],
    ['', 'two 1\np:x=1'],
  ] as const;
  expect(changes({ repositories }, 'add x')).toEqual(['install one 1', 'OK 1']);
  expect(changes({ repositories: [repositories[1], repositories[0]] }, 'add x')).toEqual([
    'install two 1',
    'OK 1',
  ]);
});

test('of two builds of one version the one in the first repository is installed', () => {
  const repositories = [
    ['', 'a 1\nT:first\nD:one\n\none 1'],
    ['', 'a 1\nT:second\nD:two\n\ntwo 1'],
  ] as const;
  expect(changes({ repositories }, 'add a')).toEqual(['install one 1', 'install a 1', 'OK 2']);
});
