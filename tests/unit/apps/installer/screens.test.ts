import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Deps } from '../../../../apps/installer/screens/deps.ts';
import { createInstallerProgram } from '../../../../apps/installer/screens/program.ts';
import { withScreens } from '../../../screens/document.ts';
import { goldenFile, INSTALLING, SIZES } from '../../../screens/files.ts';
import { INSTALLER_SCENES, installerMachine, REPORT } from '../../../screens/installer-scenes.ts';
import { play, renderInstaller } from '../../../screens/render.ts';
import type { Act } from '../../../screens/scenes.ts';

describe.each(SIZES)('in $columns columns and $rows rows', (size) => {
  test.each(INSTALLER_SCENES)(
    'the screen $name matches its stored picture (make screens)',
    async (scene) => {
      expect(await renderInstaller(scene, size)).toBe(
        await readFile(goldenFile(scene.name, size), 'utf8'),
      );
    },
  );
});

test('the pictures in the document match the screens (make screens)', async () => {
  const [size = { columns: 80, rows: 24 }] = SIZES;
  const pictures = new Map<string, string>();
  for (const { name } of INSTALLER_SCENES) {
    pictures.set(name, await readFile(goldenFile(name, size), 'utf8'));
  }
  const markdown = await readFile(INSTALLING, 'utf8');
  expect(withScreens(markdown, pictures)).toBe(markdown);
});

/** Types at the installer. @returns its calls to the machine, and the screen at the end */
async function type(acts: readonly Act[], changes: Partial<Deps> = {}) {
  const { deps, calls } = installerMachine(changes);
  const text = await play(createInstallerProgram('Installer', deps), acts, {
    columns: 80,
    rows: 24,
  });
  return { calls, text };
}

const DISKS: Act = ['', /On which disk/];

test('an installation on an empty disk takes two keys, and the restart a third', async () => {
  const { calls } = await type([
    DISKS,
    ['\r', /written anew/],
    ['\r', /is installed on/],
    ['\r', /restarting/],
  ]);
  expect(calls).toEqual([['carryOut', '/dev/nvme0n1', undefined, true, 'rest'], ['restart']]);
});

test('a disk with foreign data is overwritten only if its serial number is typed', async () => {
  const erase: Act[] = [DISKS, ['\x1b[B\r', /Destroyed: LVM, ZFS/], ['\r', /type its serial/]];
  const wrong = await type([...erase, ['S64GNE0R911111\r', /It is WJG0T5N2/]]);
  expect(wrong.calls).toEqual([]);
  const empty = await type([...erase, ['\r', /It is WJG0T5N2/]]);
  expect(empty.calls).toEqual([]);
  const back = await type([...erase, ['WJG0T5N2', /WJG0T5N2/], ['\x1b', /Enter install/]]);
  expect(back.calls).toEqual([]);
  const { calls } = await type([...erase, ['WJG0T5N2\r', /is installed on/]]);
  expect(calls).toEqual([['carryOut', '/dev/sda', 'WJG0T5N2', true, 'rest']]);
});

test('configuration and data partition are kept or replaced as chosen', async () => {
  const { calls } = await type([
    DISKS,
    ['\r', /are taken over/],
    ['o', /without any configuration/],
    ['d', /QUANTIX-CFG(?![\s\S]*QUANTIX-DATA)/],
    ['\r', /is installed on/],
  ]);
  expect(calls).toEqual([['carryOut', '/dev/nvme0n1', undefined, false, 'none']]);
});

test('the installer waits for an installation on another terminal', async () => {
  let installing = true;
  const { calls } = await type(
    [
      ['', /on another terminal/],
      ['\rx', /on another terminal/],
    ],
    { isInstalling: async () => installing },
  );
  expect(calls).toEqual([]);
  await type(
    [
      ['', /on another terminal/],
      ['r', /On which disk/],
    ],
    {
      isInstalling: async () => {
        const now = installing;
        installing = false;
        return now;
      },
    },
  );
});

test('an answer file is carried out without a key, and its failure stays on the screen', async () => {
  const { calls, text } = await type([['', /Nothing is installed/]], {
    carryOutAnswer: async () => {
      throw new Error('no disk is serial X; there are: none');
    },
  });
  expect(text).toMatch(/no disk is serial X/);
  expect(calls).toEqual([]);
});

test('warnings of an installation are shown, and it completes', async () => {
  const warnings = ['the firmware’s boot menu did not accept an entry for this disk: ENOSPC.'];
  const { text } = await type([['', /is installed on[\s\S]*Note:[\s\S]*ENOSPC/]], {
    carryOutAnswer: async () => ({ ...REPORT, warnings }),
  });
  expect(text).toContain('Enter restart');
});

test('the live system can be used instead', async () => {
  const { deps, calls } = installerMachine();
  const status = await play(
    createInstallerProgram('Installer', deps),
    [DISKS, ['c', /starting|^$/]],
    {
      columns: 80,
      rows: 24,
    },
  ).catch(String);
  expect(status).toBeDefined();
  expect(calls).toEqual([['useLive']]);
});
