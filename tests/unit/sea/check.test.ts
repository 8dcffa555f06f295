import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { checkExecutable } from '../../../build/sea/check.ts';
import { temporaryFolder } from '../folder.ts';

test('an executable that says its version is right', async () => {
  await checkExecutable(process.execPath, process.version);
});

test('one that says another version is refused with what it said', async () => {
  await expect(checkExecutable(process.execPath, '0.1.0')).rejects.toThrow(
    `says "${process.version}\\n" instead of 0.1.0`,
  );
});

test('one that exits with another status than 0 is refused', async () => {
  await expect(checkExecutable('/bin/false', '0.1.0')).rejects.toThrow(/do not start/);
});

test.skipIf(process.getuid?.() !== 0)(
  'a file system that runs no programs is reported as such (needs root, to mount one)',
  async () => {
    const folder = await temporaryFolder();
    await execa('mount', ['-t', 'tmpfs', '-o', 'noexec', 'tmpfs', folder]);
    try {
      await cp('/bin/false', join(folder, 'qx'));
      await expect(checkExecutable(join(folder, 'qx'), '0.1.0')).rejects.toThrow(
        /runs no programs \(noexec\) .*QUANTIX_CACHE/,
      );
    } finally {
      await execa('umount', [folder]);
    }
  },
);

test('a file that is no executable is refused', async () => {
  const file = join(await temporaryFolder(), 'qx');
  await writeFile(file, 'not ELF');
  await expect(checkExecutable(file, '0.1.0')).rejects.toThrow(/ELF/);
});
