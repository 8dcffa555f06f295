import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { checkExecutable } from '../../../build/sea/check.ts';
import { temporaryFolder } from '../folder.ts';

test('an executable that prints the expected version is accepted', async () => {
  await checkExecutable(process.execPath, process.version);
});

test('an executable that prints another version is refused with its output', async () => {
  await expect(checkExecutable(process.execPath, '0.1.0')).rejects.toThrow(
    `says "${process.version}\\n" instead of 0.1.0`,
  );
});

test('an executable that exits with a status other than 0 is refused', async () => {
  await expect(checkExecutable('/bin/false', '0.1.0')).rejects.toThrow(/do not start/);
});

test.skipIf(process.getuid?.() !== 0)(
  'a file system that does not allow programs (noexec) is reported (needs root, to mount one)',
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

test('a file that is not an executable is refused', async () => {
  const file = join(await temporaryFolder(), 'qx');
  await writeFile(file, 'not ELF');
  await expect(checkExecutable(file, '0.1.0')).rejects.toThrow(/ELF/);
});
