import { expect, test } from 'vitest';
import type { RemoteCacheReport } from '../../../build/remote-cache/remote-cache.ts';
import { describeRemote } from '../../../tasks/remote-cache.ts';

const report: RemoteCacheReport = {
  address: 'https://cache.example/',
  steps: { asked: 5, had: 4, brought: 0 },
  packages: { asked: 0, had: 0, brought: 0 },
  received: 212_000_000,
  sent: 0,
  refused: [],
};

test('the result of a remote cache is one line if nothing failed', () => {
  expect(describeRemote(report)).toEqual(['remote cache: 4 of 5 steps, 212 MB down, 0 refused']);
});

test('the line counts packages and uploads if there are any', () => {
  const [line] = describeRemote({
    ...report,
    packages: { asked: 7, had: 3, brought: 4 },
    steps: { asked: 5, had: 4, brought: 1 },
    sent: 36_000_000,
  });
  expect(line).toBe(
    'remote cache: 4 of 5 steps, 3 of 7 packages, 212 MB down, 0 refused, 1 step and 4 packages uploaded (36.0 MB)',
  );
});

test('problems follow in lines of their own, those of the server with its address', () => {
  const lines = describeRemote({
    ...report,
    refused: ['sea: it is not signed', 'b', 'c', 'd', 'e'],
    givenUp: 'the server answered 500',
    closed: 'the server answered 507',
  });
  expect(lines).toEqual([
    expect.stringContaining('5 refused'),
    '  given up: the server answered 500 (https://cache.example/)',
    '  uploads stopped: the server answered 507 (https://cache.example/)',
    '  refused sea: it is not signed',
    '  refused b',
    '  refused c',
    '  and 2 more',
  ]);
});
