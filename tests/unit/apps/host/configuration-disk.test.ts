import { expect, test } from 'vitest';
import {
  readConfigurationProblem,
  readUnmountedConfiguration,
} from '../../../../apps/host/configuration-disk.ts';
import { makeRootFolder } from './root-folder.ts';

const mount = (type: string, options: string) =>
  `30 1 253:1 / /quantix rw,noatime - ${type} /dev/vdb1 ${options}\n`;

const look = async (files: Record<string, string>) =>
  await readConfigurationProblem(await makeRootFolder(files));

test('a writable configuration disk is no problem, and neither is a missing one', async () => {
  expect(await look({ 'proc/self/mountinfo': mount('ext4', 'rw') })).toBeUndefined();
  expect(await look({})).toBeUndefined();
});

test('a configuration disk that was not mounted is reported with the message of the boot', async () => {
  const root = await makeRootFolder({
    'run/quantix/unmounted-quantix': 'several are labelled so\n',
  });
  expect(await readConfigurationProblem(root)).toBe('several are labelled so');
  expect(await readUnmountedConfiguration(root)).toBe('several are labelled so');
});

test('a read-only configuration disk is reported, unless it is a CD', async () => {
  expect(await look({ 'proc/self/mountinfo': mount('ext4', 'ro,errors=remount-ro') })).toBe(
    '/quantix can only be read: /dev/vdb1 has errors, or is write-protected',
  );
  expect(await look({ 'proc/self/mountinfo': mount('iso9660', 'ro') })).toBeUndefined();
});
