import { expect, test } from 'vitest';
import { describeDifferences, requestDifferences } from '../../../build/lock/compare.ts';
import { locked, sampleLock } from './locks.ts';

const { request } = sampleLock();

test('the order of a request does not matter', () => {
  const other = { ...request, packages: [...request.packages].reverse() };
  expect(requestDifferences(request, other)).toEqual([]);
});

test('additions to and removals from a request are named', () => {
  const present = {
    packages: ['bash', 'nginx'],
    kernel: { virt: 'linux-rt', full: 'linux' },
    without: ['dpkg', 'perl', 'ucf'],
    suite: 'trixie',
  };
  expect(requestDifferences(request, present)).toEqual([
    'packages: + nginx',
    'packages: - zlib1g',
    'without: + ucf',
    'kernel.virt: linux-cloud → linux-rt',
    'suite: bookworm → trixie',
  ]);
});

test('each changed package is one line, with both versions', () => {
  const before = [locked('libc6'), locked('xz-utils'), locked('bash'), locked('same')];
  const after = [
    locked('libc6', { version: '1.1' }),
    locked('zstd'),
    locked('bash', { sha256: 'd'.repeat(64) }),
    locked('same'),
  ];
  expect(describeDifferences(before, after)).toEqual([
    'libc6 1.0 → 1.1',
    '+ zstd 1.0',
    'bash 1.0 (other bytes)',
    '- xz-utils 1.0',
  ]);
});

test('a package of two flavours counts as two packages', () => {
  const virt = locked('linux', { flavour: 'virt' });
  const full = locked('linux', { flavour: 'full' });
  expect(describeDifferences([virt, full], [virt, { ...full, version: '2' }])).toEqual([
    'linux (full) 1.0 → 2',
  ]);
});

test('a difference of one flavour is reported with the flavour', () => {
  const { request } = sampleLock();
  const present = { ...request, kernel: { full: 'linux' }, flavours: { full: ['ovmf'] } };
  expect(requestDifferences(request, present)).toEqual([
    'kernel.virt: linux-cloud → none',
    'flavours.full.packages: + ovmf',
  ]);
});
