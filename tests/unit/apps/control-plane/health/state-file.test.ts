import { readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  locateStateFile,
  writeState,
} from '../../../../../apps/control-plane/health/state-file.ts';
import { temporaryFolder } from '../../../folder.ts';

test('an outdated readiness is not shown if the present one cannot be written, as when /run is full', async () => {
  const socket = join(await temporaryFolder(), 'socket');
  const file = locateStateFile(socket);
  expect(await writeState(socket, 'ready', undefined)).toBeUndefined();
  expect(await readFile(file, 'utf8')).toBe('ready\n');
  await symlink('/dev/full', `${file}.new`);
  expect(await writeState(socket, 'failed', 'no database')).toContain('ENOSPC');
  await expect(readFile(file)).rejects.toThrow('ENOENT');
  await rm(`${file}.new`, { force: true });
  expect(await writeState(socket, 'failed', 'no database')).toBeUndefined();
  expect(await readFile(file, 'utf8')).toBe('failed\nno database\n');
});
