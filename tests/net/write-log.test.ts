import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { findPartition } from '../../build/disk/layout.ts';
import { writeInstalledDisk } from '../../build/disk/write-installed-disk.ts';
import { bootOnce, partOf } from '../power-cuts/grub.ts';
import { replayCuts } from '../power-cuts/replay.ts';
import { IMAGES, RIGHT, smallDisk, trailer } from '../power-cuts/stories.ts';
import { installRequest } from '../unit/disk/installed.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantix-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CHANGE_FILES = fileURLToPath(import.meta.resolve('../power-cuts/change-files.ts'));
const DAEMON = '/usr/bin/qemu-storage-daemon';
const canRecord = existsSync(DAEMON) && existsSync('/dev/fuse');
const [DISK, LOG, SHOWN] = ['disk', 'log', 'shown'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];

/** Exports a disk as a file; QEMU logs the writes to it. */
async function recorder(bytes: number): Promise<AsyncDisposable> {
  for (const file of [DISK, LOG, SHOWN]) writeFileSync(file, '');
  truncateSync(DISK, bytes);
  const node = (name: string, rest: string) => ['--blockdev', `node-name=${name},${rest}`];
  const daemon = spawn(DAEMON, [
    ...node('disk', `driver=file,filename=${DISK}`),
    ...node('file', `driver=file,filename=${LOG}`),
    ...node('logged', 'driver=blklogwrites,file=disk,log=file'),
    '--export',
    `type=fuse,id=shown,node-name=logged,mountpoint=${SHOWN},writable=on`,
  ]);
  while (statSync(SHOWN).size !== bytes) {
    if (daemon.exitCode !== null) throw new Error('qemu-storage-daemon has ended');
    await wait(20);
  }
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(daemon, 'exit');
      daemon.kill();
      await ended;
    },
  };
}

/** Makes a loop device of a part of the exported file. */
function loop(...part: string[]): Disposable & { path: string } {
  const args = ['--find', '--show', ...part, SHOWN];
  const path = execFileSync('losetup', args, { encoding: 'utf8' }).trim();
  return { path, [Symbol.dispose]: () => execFileSync('losetup', ['-d', path]) };
}

test.runIf(canRecord)(
  'writes of an installation, an update and changes of configuration through this kernel survive a power cut at 1,000 places',
  async () => {
    const { shape, layout } = smallDisk(512);
    {
      await using _recorder = await recorder(shape.bytes);
      using whole = loop();
      await using device = await openBlockDevice(whole.path, { write: true });
      const part = ({ offset, bytes }: { offset: number; bytes: number }) =>
        loop('--offset', String(offset), '--sizelimit', String(bytes));
      const request = installRequest(layout, {
        image: IMAGES.one,
        makeFileSystem: async (partition) => {
          using place = part(partition);
          execFileSync('mkfs.ext4', ['-q', '-F', place.path]);
        },
      });
      await writeInstalledDisk(device, { ...request, trailer: trailer('one') });
      const changeConfiguration = (round: number) => {
        using place = part(findPartition(layout, 'configuration'));
        const mounted = join(folder, 'mounted');
        mkdirSync(mounted, { recursive: true });
        // In a separate mount namespace: if another program created one from ours during the mount, its copy would
        // outlive our umount.
        execFileSync('unshare', [
          ...['--mount', process.execPath, CHANGE_FILES],
          ...[place.path, mounted, `content ${round} `],
        ]);
      };
      const efi = partOf(device, layout, 'efi');
      changeConfiguration(1);
      await RIGHT.stage(device, layout, { slot: 'b', name: 'two' });
      changeConfiguration(2);
      await RIGHT.writeState(efi, { good: 'a', trial: 'b', left: 3 });
      expect(await bootOnce(device, layout)).toBe('b');
      changeConfiguration(3);
      await RIGHT.writeState(efi, { good: 'b', trial: null, left: 0 });
    }
    const images = { one: join(folder, 'one'), two: join(folder, 'two') };
    for (const name of ['one', 'two'] as const) writeFileSync(images[name], IMAGES[name]);
    const report = await replayCuts(
      { log: LOG, end: DISK, sectorSize: 512, images, boots: [null, 'one', 'two'] },
      { cuts: 1000, seed: 1, work: join(folder, 'work') },
    );
    expect(report.cuts).toBe(1000);
    expect(report.checked).toBeGreaterThan(20);
    expect(report.outcomes).toMatchObject({ null: expect.any(Number), one: expect.any(Number) });
    expect(report.outcomes.two).toBeGreaterThan(0);
  },
);
