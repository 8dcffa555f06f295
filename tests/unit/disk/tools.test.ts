import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeBootState, encodeBootState } from '../../../build/disk/boot-state.ts';
import { readEntriesPlace } from '../../../build/disk/gpt.ts';
import { type DiskLayout, findPartition } from '../../../build/disk/layout.ts';
import { writeGpt } from '../../../build/disk/write-installed-disk.ts';
import { DISK_BYTES, install } from './installed.ts';
import { MemoryDevice } from './memory-device.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantix-disk-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Whether a program is installed: a host that builds images needs none of these. */
function isHere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

function run(program: string, ...args: string[]): string {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  return execFileSync(program, args, { cwd: folder, encoding: 'utf8', env });
}

describe.each([512, 4096])('an installed disk of %i-byte sectors', (sectorSize) => {
  const [disk, efi] = [`disk${sectorSize}`, `efi${sectorSize}`];
  let layout: DiskLayout;

  beforeAll(async () => {
    const device = new MemoryDevice(DISK_BYTES, sectorSize);
    // When the table is rewritten, its entries go to the place that the previous table did not use.
    layout = { ...(await install(device)), guid: '01234567-89ab-4cde-8f01-23456789abcd' };
    layout = {
      ...layout,
      partitions: layout.partitions.map((one) => ({ ...one, guid: randomUUID() })),
    };
    await writeGpt(device, layout);
    expect(await readEntriesPlace(device)).toBe('second');
    const { offset, bytes } = findPartition(layout, 'efi');
    const [whole, part] = [openSync(join(folder, disk), 'w'), openSync(join(folder, efi), 'w')];
    ftruncateSync(whole, DISK_BYTES);
    ftruncateSync(part, bytes);
    for (const piece of device.written()) {
      writeSync(whole, piece.bytes, 0, piece.bytes.length, piece.offset);
      if (piece.offset < offset || piece.offset >= offset + bytes) continue;
      writeSync(part, piece.bytes, 0, piece.bytes.length, piece.offset - offset);
    }
  });

  test('mtools finds the files and their contents', () => {
    const image = `${efi}@@0`;
    expect(run('mdir', '-i', image, '-/', '-b', '::').trim().split('\n').toSorted()).toEqual([
      '::/EFI/',
      '::/EFI/BOOT/',
      '::/EFI/BOOT/BOOTX64.EFI',
      '::/grub/',
      '::/grub/grub.cfg',
      '::/grub/grubenv',
    ]);
    expect(run('mtype', '-i', image, '::/grub/grub.cfg')).toBe('# fixed\n');
    expect(run('mlabel', '-i', image, '-s', '::')).toContain('QUANTIX-EFI');
  });

  test.runIf(isHere('fsck.fat'))('fsck.fat finds no error', () => {
    expect(run('fsck.fat', '-n', efi)).toMatch(/ 7 files, 9\/\d+ clusters\n$/);
  });

  test.runIf(isHere('grub-fstest'))('GRUB reads the boot state and the partition table', () => {
    expect(run('grub-fstest', efi, 'cat', '(loop0)/grub/grubenv')).toBe(
      encodeBootState({ good: 'a', trial: null, left: 0 }).toString(),
    );
    if (sectorSize !== 512) return;
    expect(run('grub-fstest', disk, 'ls', '(loop0,gpt2)/grub/')).toContain('grub.cfg grubenv');
  });

  // sfdisk always assumes 512-byte sectors for a file.
  test.runIf(sectorSize === 512 && isHere('sfdisk'))(
    'sfdisk reads the partitions as planned',
    () => {
      const { partitiontable: table } = JSON.parse(run('sfdisk', '--json', disk));
      const seen = table.partitions.map((one: Record<string, string | number>) => ({
        name: one.name,
        offset: Number(one.start) * 512,
        bytes: Number(one.size) * 512,
        guid: String(one.uuid).toLowerCase(),
        type: String(one.type).toLowerCase(),
      }));
      expect(seen).toEqual(
        layout.partitions.map(({ name, offset, bytes, guid, type }) => ({
          ...{ name, offset, bytes, guid, type },
        })),
      );
      expect(run('sfdisk', '--verify', disk)).toContain('No errors detected');
    },
  );
});

test.runIf(isHere('grub-editenv'))(
  'a state changed by grub-editenv has the same bytes as that state encoded anew',
  () => {
    const state = { good: 'a', trial: 'b', left: 3 } as const;
    writeFileSync(join(folder, 'env'), encodeBootState(state));
    run('grub-editenv', 'env', 'set', 'left=2', 'try=-', 'good=b');
    const bytes = readFileSync(join(folder, 'env'));
    expect(bytes).toEqual(encodeBootState({ good: 'b', trial: null, left: 2 }));
  },
);

test.runIf(isHere('grub-editenv'))('a malformed environment is read as GRUB reads it', () => {
  const block = (text: string) => Buffer.alloc(1024, '#').fill(text, 0, text.length);
  const head = '# GRUB Environment Block\n';
  const odd = [
    'good=b\n',
    'good=b\nleft=3\n',
    'good=a\ngood=b\n',
    '# good=a\ngood=b\ntry=a\nleft=1\n',
    'good=\\b\ntry=-\n',
    'good=c\n',
    'good=b\nleft=4\n',
    'good=b\ntry=\nleft=0\n',
    'good=b',
    '',
  ];
  for (const text of odd) {
    writeFileSync(join(folder, 'odd'), block(head + text));
    const listed = new Map(
      run('grub-editenv', 'odd', 'list')
        .split(/\n(?=\w+=)/)
        .map((line) => line.trimEnd().split('=') as [string, string]),
    );
    const [good, trial, left] = ['good', 'try', 'left'].map((name) => listed.get(name));
    const values = `${good ?? 'a'},${trial ?? '-'},${left ?? '0'}`;
    const sound = /^[ab],[ab-],[0-3]$/.test(values);
    const state = decodeBootState(block(head + text));
    // If the state is refused, the defaults of GRUB count, as without an environment.
    const ours = state ?? { good: 'a', trial: null, left: 0 };
    expect(`${ours.good},${ours.trial ?? '-'},${ours.left}`, JSON.stringify(text)).toBe(
      sound ? values : 'a,-,0',
    );
  }
});
