import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { leaveForConsole } from '../../../../../apps/console/appliance/machine-console.ts';
import { requestReset } from '../../../../../apps/console/appliance/reset.ts';
import { temporaryFolder } from '../../../folder.ts';

test('console-launch is told which machine’s console it is to open', async () => {
  const file = join(await temporaryFolder(), 'answer');
  await leaveForConsole({ id: '9f1b2c3d-0000-4000-8000-00000000abcd', name: 'web 1' }, file);
  expect(await readFile(file, 'utf8')).toBe('9f1b2c3d-0000-4000-8000-00000000abcd\nweb 1\n');
  await expect(leaveForConsole({ id: 'a', name: 'b' }, undefined)).rejects.toThrow('virsh console');
});

test('a reset is asked for by the machine’s name, with its data if it is to go', async () => {
  const program = join(await temporaryFolder(), 'qx-reset');
  const script = '#!/bin/sh\n[ "$2" = node7 ] || { echo "not $2" >&2; exit 1; }\necho "did $*"\n';
  await writeFile(program, script, { mode: 0o755 });
  const options = { program, signal: new AbortController().signal };
  expect(await requestReset({ name: 'node7', data: false }, options)).toBe('did request node7');
  expect(await requestReset({ name: 'node7', data: true }, options)).toBe(
    'did request node7 --data',
  );
  const other = requestReset({ name: 'node8', data: false }, options);
  await expect(other).rejects.toThrow('not node8');
});
