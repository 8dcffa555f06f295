import { describe, expect, test } from 'vitest';
import { parseIsoReport } from '../../../build/image/iso-report.ts';
import { listStructureProblems } from '../../../build/image/verify-iso.ts';

/** The output of xorriso 1.5.4 for a small image, without the lines that are ignored. */
const RECORDED = `Drive current: -indev '/tmp/a.iso'
PVD address  : 16s
Volume Id    : QUANTIX-OS
Volume Set Id: 
Preparer Id  : XORRISO-1.5.4 2021.01.30.150001, LIBISOBURN-1.5.4, LIBISOFS-1.5.4, LIBBURN-1.5.4
El Torito catalog  : 58  1
El Torito cat path : /boot/grub/boot.cat
El Torito images   :   N  Pltf  B   Emul  Ld_seg  Hdpt  Ldsiz         LBA
El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4          59
El Torito boot img :   2  UEFI  y   none  0x0000  0x00   4096         190
El Torito img path :   1  /boot/grub/bios.img
El Torito img opts :   1  boot-info-table grub2-boot-info
El Torito img blks :   2  1024
System area options: 0x00004201
System area summary: MBR protective-msdos-label grub2-mbr cyl-align-off GPT
ISO image size/512 : 5520
MBR partition table:   N Status  Type        Start       Blocks
MBR partition      :   1   0x00  0xee            1         5519
GPT                :   N  Info
GPT disk GUID      :      3230323331313144b230303231333230
GPT partname local :   1  ISO9660
GPT partition GUID :   1  3230323331313144b231303231333230
GPT type GUID      :   1  a2a0d0ebe5b9334487c068b6b72699c7
GPT start and size :   1  64  696
GPT partition GUID :   2  3230323331313144b232303231333230
GPT type GUID      :   2  28732ac11ff8d211ba4b00a0c93ec93b
GPT start and size :   2  760  4096
Report layout: xt , Startlba ,   Blocks , Filesize , ISO image path
File data lba:  0 ,       59 ,       81 ,   165527 , '/boot/grub/bios.img'
File data lba:  0 ,      141 ,       49 ,   100000 , '/boot/vmlinuz'
File data lba:  0 ,      190 ,        0 ,        0 , '/it'"'"'s a=b\\c , '"'"'x'"'"''
File data lba:  0 ,      191 ,  2097151 , 4508876800 , '/large'
File data lba:  1 ,  2097342 ,   104449 , 4508876800 , '/large'
dr-xr-xr-x    1 0        0               0 Nov 27 11:18 '/'
er--r--r--    1 0        0            2048 Nov  3 02:09 '/boot/grub/boot.cat'
-rw-r--r--    1 7        42         100000 Nov 14  2023 '/it'"'"'s'
prw-r--r--    1 0        0               0 Nov 14  2023 '/pipe'
`;
const without = (line: RegExp) =>
  RECORDED.replaceAll(new RegExp(`^.*${line.source}.*\n`, 'gm'), '');

test('the report of xorriso about an image is parsed', () => {
  expect(parseIsoReport(RECORDED, 'a.iso')).toEqual({
    volumeId: 'QUANTIX-OS',
    bootImages: [
      { platform: 'BIOS', path: '/boot/grub/bios.img', block: 59 },
      { platform: 'UEFI', path: undefined, block: 190 },
    ],
    partitions: [
      { type: 'a2a0d0ebe5b9334487c068b6b72699c7', start: 64, sectors: 696 },
      { type: '28732ac11ff8d211ba4b00a0c93ec93b', start: 760, sectors: 4096 },
    ],
    hybrid: true,
    files: [
      { path: '/boot/grub/bios.img', block: 59, size: 165_527 },
      { path: '/boot/vmlinuz', block: 141, size: 100_000 },
      { path: "/it's a=b\\c , 'x'", block: 190, size: 0 },
      { path: '/large', block: 191, size: 4_508_876_800 },
    ],
    paths: [
      { path: '/', kind: 'directory', mode: 'r-xr-xr-x', owner: '0:0' },
      { path: '/boot/grub/boot.cat', kind: 'boot catalog', mode: 'r--r--r--', owner: '0:0' },
      { path: "/it's", kind: 'file', mode: 'rw-r--r--', owner: '7:42' },
      { path: '/pipe', kind: 'other', mode: 'rw-r--r--', owner: '0:0' },
    ],
  });
});

test('meaningless lines are ignored, and an empty report has no files', () => {
  const odd =
    'xorriso : NOTE : something\n\nFile data\nEl Torito boot img : x\nGPT type GUID : 1 zz\n';
  const nothing = {
    volumeId: '',
    bootImages: [],
    partitions: [],
    hybrid: false,
    paths: [],
    files: [],
  };
  expect(parseIsoReport(odd, 'a.iso')).toEqual(nothing);
  expect(parseIsoReport('', 'a.iso')).toEqual(nothing);
});

test.each([
  ["File data lba:  1 ,       59 ,       81 ,   165527 , '/big'"],
  ["File data lba:  2 ,  2201791 ,        1 , 4508876800 , '/larger'"],
  ["File data lba:  2 ,  2201792 ,        1 , 4508876800 , '/large'"],
  ["File data lba:  3 ,  2201791 ,        1 , 4508876800 , '/large'"],
  ["File data lba:  0 ,       59 ,       81 , '/short'"],
  ["File data lba:  0 ,       59 ,       81 ,   165527 , '/cut"],
  ["File data lba:  0 ,      -59 ,       81 ,   165527 , '/x'"],
  ['File data lba:'],
])('a file line that cannot be read is refused, so that no file stays unchecked: %s', (line) => {
  expect(() => parseIsoReport(`${RECORDED}${line}\n`, 'a.iso')).toThrow(
    `a file of the ISO cannot be read back: ${line} (a.iso)`,
  );
});

describe('the boot structures', () => {
  const boot = { esp: { sha256: '', size: 0 }, bios: '' };
  const problems = (text: string, of = boot) =>
    listStructureProblems(parseIsoReport(text, 'x'), { volumeId: 'QUANTIX-OS', boot: of });

  test('a correct image has no findings', () => {
    expect(problems(RECORDED)).toEqual([]);
  });

  test.each([
    [/El Torito boot img : +1/, ['El Torito has no BIOS entry']],
    [/El Torito img path/, ['El Torito has no BIOS entry']],
    [/El Torito boot img : +2/, ['El Torito has no UEFI entry']],
    [/System area summary/, ['the boot sector does not start GRUB']],
    [/GPT type GUID +: +2/, ['the GPT has no EFI system partition']],
    [/GPT start and size : +2/, ['El Torito and GPT name different EFI system partitions']],
    [/Volume Id/, ['volume id is ']],
  ])('an image without the line %s is refused', (line, told) => {
    expect(problems(without(line))).toEqual(told);
  });

  test('an EFI entry that points elsewhere is reported', () => {
    expect(problems(RECORDED.replace('  760  4096', '  764  4096'))).toEqual([
      'El Torito and GPT name different EFI system partitions',
    ]);
  });

  test('an empty report has all five findings', () => {
    expect(problems('')).toHaveLength(5);
  });
});
