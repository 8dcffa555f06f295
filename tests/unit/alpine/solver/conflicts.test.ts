import { expect, test } from 'vitest';
import { changes } from './situation.ts';

const REPOSITORY = 'a 1\nD:!b>1\n\nb 1\n\nb 2\n\nc 1\nD:b';

test('a package is not installed together with one that it forbids', () => {
  expect(changes({ repository: REPOSITORY }, 'add a b')).toEqual([
    'install b 1',
    'install a 1',
    'OK 2',
  ]);
  expect(changes({ repository: REPOSITORY }, 'add a c')).toEqual([
    'install b 1',
    'install a 1',
    'install c 1',
    'OK 3',
  ]);
  expect(changes({ repository: REPOSITORY }, 'add a b>1')).toEqual(['ERROR unsatisfiable']);
});

test('a package that the world forbids is not installed', () => {
  expect(changes({ repository: REPOSITORY }, 'add !b')).toEqual(['OK 0']);
  expect(changes({ repository: REPOSITORY }, 'add c !b')).toEqual(['ERROR unsatisfiable']);
  expect(changes({ repository: REPOSITORY }, 'add c !b>1')).toEqual([
    'install b 1',
    'install c 1',
    'OK 2',
  ]);
});

test('an installed package that the world forbids is purged', () => {
  const given = { world: 'b', installed: 'b 1', repository: REPOSITORY };
  expect(changes(given, 'add !b')).toEqual(['purge b 1', 'OK 0']);
});

test('replaces does not forbid a package', () => {
  const repository = 'a 1\nr:b\nq:5\n\nb 1';
  expect(changes({ repository }, 'add a b')).toEqual(['install a 1', 'install b 1', 'OK 2']);
});

test('--force-broken-world installs as much of an unsatisfiable world as possible', () => {
  const repository = 'a 1\nD:b\n\nb 1\n\nbroken 1\nD:missing';
  const done = ['install b 1', 'install a 1', 'OK 2'];
  expect(changes({ repository }, '--force-broken-world add a broken nothing')).toEqual(done);
  expect(changes({ repository }, '-f add a nothing')).toEqual(done);
  expect(changes({ repository }, 'add a nothing')).toEqual(['ERROR unsatisfiable']);
});
