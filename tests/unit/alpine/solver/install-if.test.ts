import { expect, test } from 'vitest';
import { changes } from './situation.ts';

const REPOSITORY = `
  app 1
  D:lib

  lib 1

  openrc 1

  docs 1

  app-openrc 1
  i:app=1 openrc

  app-doc 1
  i:app docs

  app-openrc-doc 1
  i:app-openrc docs
`;

test('a package with install-if is installed once all its conditions are installed', () => {
  expect(changes({ repository: REPOSITORY }, 'add app')).toEqual([
    'install lib 1',
    'install app 1',
    'OK 2',
  ]);
  expect(changes({ repository: REPOSITORY }, 'add app openrc')).toEqual([
    'install lib 1',
    'install app 1',
    'install openrc 1',
    'install app-openrc 1',
    'OK 4',
  ]);
});

test('packages installed by install-if fulfil conditions of others', () => {
  expect(changes({ repository: REPOSITORY }, 'add openrc docs app').toSorted()).toEqual([
    'OK 7',
    'install app 1',
    'install app-doc 1',
    'install app-openrc 1',
    'install app-openrc-doc 1',
    'install docs 1',
    'install lib 1',
    'install openrc 1',
  ]);
});

test('a condition is not fulfilled by another version', () => {
  const repository = 'a 1\n\nb 1\n\nc 1\ni:a=2 b';
  expect(changes({ repository }, 'add a b')).toEqual(['install a 1', 'install b 1', 'OK 2']);
});

test('a condition on an absent package is fulfilled only if that package is not installed', () => {
  const repository = 'a 1\n\nb 1\n\nc 1\ni:a=1 !b';
  expect(changes({ repository }, 'add a')).toEqual(['install a 1', 'install c 1', 'OK 2']);
  expect(changes({ repository }, 'add a b')).toEqual(['install a 1', 'install b 1', 'OK 2']);
});

test('an install-if package can be forbidden, and is left out if it conflicts', () => {
  const given = { repository: REPOSITORY };
  expect(changes(given, 'add app openrc !app-openrc')).toEqual([
    'install lib 1',
    'install app 1',
    'install openrc 1',
    'OK 3',
  ]);
});

test('an install-if package is removed with its conditions', () => {
  const installed = 'app 1\nD:lib\n\nlib 1\n\nopenrc 1\n\napp-openrc 1\ni:app=1 openrc';
  const given = { world: 'app openrc', installed, repository: REPOSITORY };
  expect(changes(given, 'del openrc')).toEqual(['purge app-openrc 1', 'purge openrc 1', 'OK 2']);
  expect(changes(given, 'del app')).toEqual([
    'purge app-openrc 1',
    'purge app 1',
    'purge lib 1',
    'OK 1',
  ]);
});

test('--available removes an install-if package that no repository has', () => {
  const installed = 'a 1\n\nb 1\n\nc 1\ni:a b';
  const given = { world: 'a b', installed, repository: 'a 1\n\nb 1' };
  expect(changes(given, 'upgrade')).toEqual(['OK 3']);
  expect(changes(given, 'upgrade --available')).toEqual(['purge c 1', 'OK 2']);
});
