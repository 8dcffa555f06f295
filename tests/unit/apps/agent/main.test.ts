import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { main } from '../../../../apps/agent/main.ts';
import { captureOutput } from '../../tasks/captured-output.ts';

const QX = join(import.meta.dirname, '../../../../apps/qx.ts');

const output = captureOutput();

test('qx-node prints its usage and version', async () => {
  expect(await main(['--help'])).toBe(0);
  expect(output.printed).toContain('Usage: qx-node COMMAND');
  output.printed = '';
  expect(await main(['--version'])).toBe(0);
  expect(output.printed).toBe('source\n');
});

test('the program exits with the status of qx-node', async () => {
  const called = await execa(process.execPath, [QX, 'qx-node', 'dance'], { reject: false });
  expect(called).toMatchObject({ exitCode: 2, stdout: '' });
  expect(called.stderr).toMatch(/^qx-node: [^\n]*"dance"[^\n]*$/);
});

test.each([
  [[], 'a command is missing'],
  [['dance'], 'there is no command "dance"'],
  [['status', 'now'], '"now" is one argument too many'],
  [['join'], 'an argument is missing'],
  [['run', '--json'], '--json is an option of status and version only'],
  [['status', '--nonsense'], "Unknown option '--nonsense'"],
  [['status', '--lvm'], 'these options are for pool only'],
  [['status', '--undo'], '--undo and --within are options of deploy only'],
  [['deploy'], 'an argument is missing'],
  [['deploy', 'x.agent', '--undo'], '"x.agent" is one argument too many'],
  [['deploy', 'x.agent', '--within', '1e9'], '--within takes whole seconds'],
  [['deployment', 'dance'], 'deployment is followed by choose or settle'],
  [['pool'], 'pool is followed by create, import, remove or up'],
  [['pool', 'create', 'a'], 'a pool needs one of --disk, --iscsi, --nfs and --directory; only'],
  [['pool', 'create', '--lvm'], 'an argument is missing'],
])('%j is refused in one line', async (args, what) => {
  expect(await main(args)).toBe(2);
  expect(output.printed).toBe('');
  expect(output.complained).toMatch(/^[^\n]+\n$/);
  expect(output.complained).toContain(what);
});
