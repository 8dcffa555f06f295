import { expect, test } from 'vitest';
import { matchPaths } from '../../../build/tree/path-patterns.ts';

test.each([
  ['/usr/share/doc', 'usr/share/doc', true],
  ['/usr/share/doc', 'usr/share/doc/bash/README', true],
  ['/usr/share/doc', 'usr/share/doc-base', false],
  ['/usr/share/doc', 'opt/usr/share/doc', false],
  ['/usr/share/doc', 'usr/share', false],
  ['/etc/rc*.d', 'etc/rc0.d/K01x', true],
  ['/etc/rc*.d', 'etc/rc/x.d', false],
  ['/etc/rc*.d', 'etc/rc.d', true],
  ['/usr/*/man', 'usr/share/man/man1', true],
  ['/usr/*/man', 'usr/a/b/man', false],
  ['/usr/lib/a+b.so', 'usr/lib/a+b.so', true],
  ['/usr/lib/a.so', 'usr/lib/axso', false],
  ['/usr/lib/(x)[y]', 'usr/lib/(x)[y]', true],
])('%s and %s: %s', (pattern, path, dropped) => {
  expect(matchPaths([pattern])(path)).toBe(dropped);
  expect(matchPaths(['/nowhere', pattern])(path)).toBe(dropped);
});

test('an empty list drops nothing', () => {
  expect(matchPaths([])('etc')).toBe(false);
});
