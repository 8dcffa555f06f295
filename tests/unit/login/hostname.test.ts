import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { inShell, SHELLS } from './shell.ts';

test.each([
  ['node7', 'node7'],
  ['node7\n', 'node7'],
  ['NODE-7\r\n', 'NODE-7'],
  [`${'a'.repeat(63)}\n`, 'a'.repeat(63)],
  ['', undefined],
  ['\n', undefined],
  ['a'.repeat(64), undefined],
  ['node7\nnode8\n', undefined],
  ['no de\n', undefined],
  ['node.example\n', undefined],
  ['-node\n', undefined],
  ['node-\n', undefined],
  ['n\u00f6de\n', undefined],
  ['no\0de\n', undefined],
  ['$(reboot)\n', undefined],
  [`node7\n${'#'.repeat(1_000_000)}`, undefined],
])('a host name file with %j is read as %j', async (text, name) => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'hostname'), text);
  for (const shell of SHELLS) {
    const parts = ['hostname', 'network/address'];
    expect(await inShell('host_name_in hostname', { shell, parts, cwd })).toEqual(
      name === undefined ? { status: 1, stdout: '' } : { status: 0, stdout: name },
    );
  }
});
