import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const QX = join(import.meta.dirname, '../../../../apps/qx.ts');

async function qxNode(...args: string[]) {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [QX, 'qx-node', ...args], {
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

test('qx-node says how it is called', async () => {
  const { exitCode, stdout } = await qxNode('--help');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('Usage: qx-node COMMAND');
  expect(await qxNode('--version')).toMatchObject({ exitCode: 0, stdout: 'source' });
});

test.each([
  [[], 'a command is missing'],
  [['dance'], 'there is no command "dance"'],
  [['status', 'now'], '"now" is too much'],
  [['join'], 'something is missing'],
  [['run', '--json'], '--json is of status and version only'],
  [['status', '--nonsense'], "Unknown option '--nonsense'"],
  [['status', '--lvm'], 'these options are of pool only'],
  [['status', '--undo'], '--undo and --within are of deploy only'],
  [['deploy'], 'something is missing'],
  [['deploy', 'x.agent', '--undo'], '"x.agent" is too much'],
  [['deploy', 'x.agent', '--within', '1e9'], '--within takes whole seconds'],
  [['deployment', 'dance'], 'deployment choose or settle?'],
  [['pool'], 'pool is followed by create, import, remove or up'],
  [['pool', 'create', 'a'], 'a pool is of one of --disk, --iscsi, --nfs and --directory'],
  [['pool', 'create', '--lvm'], 'something is missing'],
])('%j is refused in one line', async (args, what) => {
  const { exitCode, stdout, stderr } = await qxNode(...args);
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.split('\n')).toHaveLength(1);
  expect(stderr).toContain(what);
});
