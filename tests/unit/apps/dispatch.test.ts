import { expect, test } from 'vitest';
import { callOf, formatUsage } from '../../../apps/dispatch.ts';
import { PROGRAMS } from '../../../apps/programs.ts';

const PROGRAM_NAMES = ['qx-node', 'qx-console'];
const call = (calledAs: string, ...args: string[]) => callOf(calledAs, args, PROGRAM_NAMES);

test.each([['qx-node'], ['/usr/sbin/qx-node'], ['./qx-node']])(
  'called as %s, it runs that program with all arguments',
  (calledAs) => {
    const run = { kind: 'run', program: 'qx-node', args: ['--version'] };
    expect(call(calledAs, '--version')).toEqual(run);
  },
);

test('called by its own name, it runs the program that the first argument names', () => {
  const run = { kind: 'run', program: 'qx-console', args: ['a', 'b'] };
  expect(call('/usr/lib/quantix/qx', 'qx-console', 'a', 'b')).toEqual(run);
});

test('it prints its version and usage', () => {
  expect(call('qx', '--version')).toEqual({ kind: 'version' });
  expect(call('qx')).toEqual({ kind: 'usage' });
  expect(call('qx', '--help')).toEqual({ kind: 'usage' });
  expect(formatUsage(PROGRAM_NAMES)).toContain('programs: qx-console, qx-node');
});

test.each([
  ['a link to a program that is not in it', '/usr/sbin/qx-other', [], 'qx-other'],
  ['a first argument that is no program', 'qx', ['status'], 'status'],
  ['a name that every object has', 'qx', ['constructor'], 'constructor'],
  ['no name at all', '', [], ''],
])('%s is reported as unknown', (_, calledAs, args, name) => {
  expect(callOf(calledAs, args, PROGRAM_NAMES)).toEqual({ kind: 'unknown', name });
});

test('every program can be loaded and has a main function', async () => {
  for (const [name, load] of Object.entries(PROGRAMS)) {
    expect(typeof (await load()).main, name).toBe('function');
  }
});
