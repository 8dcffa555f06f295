import { expect, test } from 'vitest';
import type { PackageRelations } from '../../../build/contract/base.ts';
import { findReasons } from '../../../build/lock/reasons.ts';

const NOTHING: PackageRelations = { needs: [], provides: [], comesWith: [] };

/** Returns the reasons for packages, which are given with their relations. */
function reasons(asked: string[], packages: Record<string, Partial<PackageRelations>>) {
  const relations = new Map(
    Object.entries(packages).map(([name, own]) => [name, { ...NOTHING, ...own }]),
  );
  const found = findReasons({ packages: Object.keys(packages), asked, relations });
  return Object.fromEntries([...found].map(([name, { chain }]) => [name, chain.join(' ← ')]));
}

test('the reason for a package is the shortest chain from a requested one', () => {
  const packages = {
    app: { needs: [['library'], ['tool']] },
    library: { needs: [['libc']] },
    tool: { needs: [['deep']] },
    deep: { needs: [['libc']] },
    libc: {},
  };
  expect(reasons(['app'], packages)).toEqual({
    app: 'app',
    library: 'library ← app',
    tool: 'tool ← app',
    deep: 'deep ← tool ← app',
    libc: 'libc ← library ← app',
  });
});

test('alternatives and provided names lead to the installed package', () => {
  const packages = {
    app: { needs: [['exim', 'mail'], ['so:libc.so']] },
    postfix: { provides: ['mail'] },
    musl: { provides: ['so:libc.so'] },
  };
  expect(reasons(['app'], packages)).toEqual({
    app: 'app',
    postfix: 'postfix ← app',
    musl: 'musl ← app',
  });
});

test('an install-if package has its conditions as reason, once all are installed', () => {
  const packages = {
    app: { needs: [['openrc']] },
    openrc: {},
    'app-openrc': { comesWith: ['app', 'openrc'], needs: [['helper']] },
    'app-systemd': { comesWith: ['app', 'systemd'] },
    helper: {},
  };
  expect(reasons(['app'], packages)).toEqual({
    app: 'app',
    openrc: 'openrc ← app',
    'app-openrc': 'app-openrc ← app',
    helper: 'helper ← app-openrc ← app',
  });
});

test('circular dependencies are followed once, and a package without dependents has no reason', () => {
  const packages = { a: { needs: [['b'], ['gone']] }, b: { needs: [['a']] }, c: {} };
  expect(reasons(['a', 'gone'], packages)).toEqual({ a: 'a', b: 'b ← a' });
});
