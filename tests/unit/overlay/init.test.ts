import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { listMissing } from '../../../build/host/requirements.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const INIT = join(PROJECT, 'overlay/initramfs/init');
const lacks = (name: string) => listMissing([{ name, package: name }]).length > 0;

/** Stand-ins for functions that need a machine: they print what they would do. */
const STAND_INS = `
say() { echo "say $*"; }
mount() { echo "mount $*"; }
check_file_system() { echo "check $*"; }
block_devices() { cat devices; }
`;

/** Runs shell text after init's functions. */
async function inInit(cwd: string, text: string): Promise<string> {
  const script = `INIT_LIBRARY=1\nPRODUCT=QUANTIX\nNAMESPACE=quantix\nPROGRAM_PREFIX=qx\n. ${INIT}\nPATH=/usr/bin:/bin\n${STAND_INS}\n${text}`;
  const { stdout } = await execa('/bin/busybox', ['sh', '-eu', '-c', script], { cwd });
  return stdout;
}

describe('kernel parameters', () => {
  test.each([
    ['', 'build= toram= debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init'],
    [
      'BOOT_IMAGE=/boot/vmlinuz quantix.build=0123 quantix.mode=live console=ttyS0',
      'build=0123 toram= debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
    [
      'quantix.toram quantix.debug init=/bin/bash quantix.config=LABEL=MY-CFG',
      'build= toram=yes debug=yes config=LABEL=MY-CFG data=LABEL=QUANTIX-DATA init=/bin/bash',
    ],
    [
      'quantix.build=1 quantix.build=2',
      'build=2 toram= debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
    [
      'quantix.config=/dev/sda quantix.debug=no xinit=/x rdinit=/y',
      'build= toram= debug= config=/dev/sda data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
    [
      'quantix.data=LABEL=MY-DATA quantix.data=PARTUUID=0123-01',
      'build= toram= debug= config=LABEL=QUANTIX-CFG data=PARTUUID=0123-01 init=/sbin/init',
    ],
    [
      'quantix.build=a=b',
      'build=a=b toram= debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
    // The kernel reads text between double quotes as part of one parameter, wherever they begin and end.
    [
      'dyndbg="file x init=/evil +p" "a init=/worse" quantix.build=1',
      'build=1 toram= debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
    [
      '"quantix.build=2" init="/bin/sh" quantix.config="LABEL=MY-CFG"',
      'build=2 toram= debug= config=LABEL=MY-CFG data=LABEL=QUANTIX-DATA init=/bin/sh',
    ],
    [
      'x="a \t quantix.debug" quantix.toram y="b init=/evil',
      'build= toram=yes debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
    [
      'quantix.build=3 -- init=/evil quantix.debug',
      'build=3 toram= debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
    [
      'quantix.build=* "',
      'build=* toram= debug= config=LABEL=QUANTIX-CFG data=LABEL=QUANTIX-DATA init=/sbin/init',
    ],
  ])('%j are read as %j', async (cmdline, told) => {
    const tell =
      'echo "build=$build toram=$toram debug=$debug config=$config data=$data init=$init"';
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'cmdline'), `${cmdline}\n`);
    expect(await inInit(folder, `parse_parameters "$(cat cmdline)"\n${tell}`)).toBe(told);
  });
});

/** Makes an image of a file system with a label. */
const makers: Record<string, (file: string, label: string) => Promise<unknown>> = {
  'mkfs.ext4': async (file, label) => {
    await blank(file, 8);
    const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    return execa('mkfs.ext4', ['-q', '-L', label, file], { env });
  },
  mformat: async (file, label) => {
    await blank(file, 4);
    return execa('mformat', ['-i', file, '-v', label, '::']);
  },
  'mformat -F': async (file, label) => {
    await blank(file, 64);
    return execa('mformat', ['-F', '-i', file, '-v', label, '::']);
  },
  xorriso: async (file, label) => {
    const args = [
      '-as',
      'mkisofs',
      '-quiet',
      '-V',
      label,
      '-o',
      file,
      join(PROJECT, 'overlay/qvdc'),
    ];
    return execa('xorriso', args);
  },
};

async function blank(file: string, mebibytes: number): Promise<void> {
  await writeFile(file, '');
  await truncate(file, mebibytes * 1024 * 1024);
}

describe('a file system is recognised by its signature, with its label', () => {
  test.for([
    ['mkfs.ext4', 'QUANTIX-CFG', 'ext4'],
    ['mkfs.ext4', 'SIXTEEN-LETTERS!', 'ext4'],
    ['mformat', 'QUANTIX-CFG', 'vfat'],
    ['mformat -F', 'QVDC-DATA', 'vfat'],
    ['xorriso', 'QUANTIX-OS', 'iso9660'],
    ['xorriso', 'A_LABEL_OF_THIRTY_TWO_LETTERS_32', 'iso9660'],
  ] as const)('%s %s', async ([maker, label, type], { skip }) => {
    const [program] = maker.split(' ');
    skip(lacks(program ?? ''), `${program} is not on this host`);
    const folder = await temporaryFolder();
    await makers[maker]?.(join(folder, 'disk'), label);
    const told = await inInit(
      folder,
      'type=$(file_system_of disk); echo "$type $(label_of disk $type)"',
    );
    expect(told).toBe(`${type} ${label}`);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(70_000)],
    ['anything', Buffer.alloc(70_000, 0xa5)],
    ['text', Buffer.alloc(70_000, "'; reboot -f #\n")],
  ])('a device with %s has neither type nor label', async (_, content) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'disk'), content);
    expect(await inInit(folder, 'echo "[$(file_system_of disk)] [$(label_of disk "")]"')).toBe(
      '[] []',
    );
    expect(await inInit(folder, 'echo "[$(file_system_of gone)]"')).toBe('[]');
  });
});

/** A disk of a machine: the program that makes its file system, the label, and values in sysfs. */
interface SampleDisk {
  maker: string;
  label: string;
  removable?: boolean;
  /** GiB; 1 if absent. */
  size?: number;
}

describe.skipIf(lacks('mkfs.ext4'))('the configuration file system', () => {
  const config = (more: Partial<SampleDisk> = {}): SampleDisk => ({
    maker: 'mkfs.ext4',
    label: 'QUANTIX-CFG',
    ...more,
  });
  const LARGE = { size: 100 };

  /**
   * Returns init's choice among these disks.
   * @param before shell text that runs first; in it, `$(uuid NAME)` is the UUID of a disk's file system
   */
  async function choice(disks: Record<string, SampleDisk>, before = ''): Promise<string> {
    const folder = await temporaryFolder();
    for (const [name, { maker, label, removable = false, size = 1 }] of Object.entries(disks)) {
      await makers[maker]?.(join(folder, name), label);
      const entry = join(folder, 'sys/class/block', name);
      await mkdir(entry, { recursive: true });
      await writeFile(join(entry, 'removable'), removable ? '1\n' : '0\n');
      await writeFile(join(entry, 'size'), `${size * 2 ** 21}\n`);
    }
    await writeFile(join(folder, 'devices'), Object.keys(disks).join('\n'));
    const text = [
      'SYS=sys RECORD=record config=LABEL=QUANTIX-CFG',
      'uuid() { uuid_of "$1" "$(file_system_of "$1")"; }',
      before,
      'mount_config "$config"',
    ];
    return (await inInit(folder, text.join('\n'))).replace(/[0-9a-f]{8}(?:-[0-9a-f]+)+/g, 'NUMBER');
  }

  const mounted = (name: string) =>
    `check ${name} ext4\nmount -t ext4 -o rw,noatime,nosuid,nodev ${name} /root/quantix\nsay QUANTIX-CFG (${name}) is mounted at /quantix`;
  const NOT_USED = 'labelled QUANTIX-CFG, is not used: another one is trusted';

  test('is the one with the label, and is checked and mounted', async () => {
    const other = { maker: 'mformat', label: 'OTHER' };
    expect(await choice({ vda: config(), vdb: other })).toBe(mounted('vda'));
  });

  test('is readable by root only if its files have no owners', async () => {
    expect(await choice({ vda: config({ maker: 'mformat' }) })).toContain(
      'mount -t vfat -o rw,noatime,nosuid,nodev,umask=077 vda /root/quantix',
    );
    expect(await choice({ sr0: config({ maker: 'xorriso', removable: true }) })).toContain(
      'mount -t iso9660 -o ro,nosuid,nodev,overriderockperm,mode=0400,dmode=0500 sr0 /root/quantix',
    );
  });

  test('is missing if no label matches exactly', async () => {
    expect(await choice({})).toBe('');
    const longer = { vda: config({ label: 'QUANTIX-CFG2' }), vdb: config({ label: 'QUANTIX' }) };
    expect(await choice(longer)).toBe('');
  });

  test('is missing if two have the label and neither is preferred, which is reported', async () => {
    expect(await choice({ vda: config(), vdb: config({ maker: 'mformat' }) })).toBe(
      'say several file systems are QUANTIX-CFG (vda vdb): none is mounted at /quantix',
    );
  });

  test('is not trusted on a large disk, which may be a guest’s', async () => {
    expect(await choice({ sda: config(LARGE) })).toBe(
      "say not trusted: sda with QUANTIX-CFG, because it may be a guest's disk: quantix.config=UUID=NUMBER names it, quantix.config=none does without",
    );
    expect(await choice({ sda: config({ ...LARGE, removable: true }) })).toBe(mounted('sda'));
    expect(await choice({ sda: config(LARGE) }, 'boot_disk=sda')).toBe(mounted('sda'));
  });

  test('stays the same if a guest’s disk has the label too', async () => {
    const disks = { sda: config(LARGE), vdb: config() };
    expect(await choice(disks)).toBe(`${mounted('vdb')}\nsay sda, ${NOT_USED}`);
    expect(await choice({ sda: config(), vdb: config(LARGE) }, 'boot_disk=vdb')).toBe(
      `${mounted('vdb')}\nsay sda, ${NOT_USED}`,
    );
  });

  test('is the one recorded on the data disk, and no other', async () => {
    const disks = { sda: config(), sdb: config(LARGE) };
    expect(await choice(disks, 'uuid sdb >record')).toBe(`${mounted('sdb')}\nsay sda, ${NOT_USED}`);
    expect(await choice(disks, 'echo 0123 >record; boot_disk=sda')).toBe(
      'say the configuration of this machine, QUANTIX-CFG with UUID=0123, is not there: quantix.config=UUID=NUMBER names another, quantix.config=none does without',
    );
  });

  test('is recorded once', async () => {
    const told = await choice(
      { vda: config(), vdb: config() },
      `sync() { :; }; remember_config vda; remember_config vdb; [ "$(uuid vda)" = "$(cat record)" ] && echo same; config=none`,
    );
    expect(told).toBe('same');
  });

  test('that is given by UUID is not searched for by label', async () => {
    const disks = { sda: config(LARGE), sdb: config() };
    const named = 'config=UUID=$(uuid sda | tr a-f A-F)';
    expect((await choice(disks, named)).replace(/UUID=\S+/, 'UUID')).toBe(
      mounted('sda').replace('QUANTIX-CFG', 'UUID'),
    );
    expect(await choice(disks, 'config=PARTUUID=0123-01')).toBe(
      'say no file system is PARTUUID=0123-01: nothing is mounted at /quantix',
    );
    expect(await choice(disks, 'config=/dev/sdb')).toContain('say no file system is /dev/sdb');
    expect(await choice(disks, 'config=none')).toBe('');
  });

  test('with errors that need a person is mounted read-only, which is reported', async () => {
    expect(await choice({ vda: config() }, 'check_file_system() { return 1; }')).toBe(
      'say the file system on vda has errors that need a person: it is mounted read only\n' +
        'mount -t ext4 -o ro,noatime,nosuid,nodev vda /root/quantix\nsay QUANTIX-CFG (vda) is mounted at /quantix',
    );
  });
});

test.for(['mkfs.ext4', 'mformat', 'mformat -F', 'xorriso'])(
  'the UUID of a file system equals that of blkid: %s',
  async (maker, { skip }) => {
    const [program = ''] = maker.split(' ');
    skip(lacks('blkid') || lacks(program), `blkid or ${program} is not on this host`);
    const folder = await temporaryFolder();
    await makers[maker]?.(join(folder, 'disk'), 'LABEL');
    const args = ['-p', '-o', 'value', '-s', 'UUID', join(folder, 'disk')];
    const { stdout } = await execa('blkid', args);
    const told = await inInit(folder, 'uuid_of disk "$(file_system_of disk)"');
    expect(told).toBe(stdout.toLowerCase());
  },
);

test.each([512, 4096])(
  'a partition is identified by the GPT, sectors of %d bytes',
  async (sector) => {
    const folder = await temporaryFolder();
    const table = Buffer.alloc(5 * sector);
    table.write('EFI PART', sector, 'latin1');
    table.writeUInt32LE(3, sector + 72);
    table.writeUInt32LE(256, sector + 84);
    table.write('33221100554477668899aabbccddeeff', 3 * sector + 256 + 16, 'hex');
    table.writeUInt32LE(0xdeadbeef, 440);
    await writeFile(join(folder, 'gpt'), table);
    await writeFile(join(folder, 'mbr'), table.subarray(0, sector));
    for (const [disk, number] of [
      ['gpt', '00112233-4455-6677-8899-aabbccddeeff'],
      ['mbr', 'deadbeef-02'],
    ]) {
      const text = [
        `SYS=sys; disk_of() { echo ${disk}; }`,
        `mkdir -p sys/class/block/${disk}2 sys/class/block/${disk}/queue`,
        `echo 2 >sys/class/block/${disk}2/partition`,
        `echo ${sector} >sys/class/block/${disk}/queue/logical_block_size`,
        `echo "[$(partuuid_of ${disk}2)] [$(partuuid_of ${disk})]"`,
      ];
      expect(await inInit(folder, text.join('\n'))).toBe(`[${number}] []`);
    }
  },
);

describe('the medium', () => {
  /**
   * Returns init's verdict on devices.
   * @param devices name → files on the device, and whether its system is that of this build
   */
  async function taken(
    devices: Record<string, { files: string[]; ours: boolean }>,
  ): Promise<string> {
    const folder = await temporaryFolder();
    for (const [name, { files }] of Object.entries(devices)) {
      for (const file of files) {
        await mkdir(join(folder, name, 'quantix'), { recursive: true });
        await writeFile(join(folder, name, 'quantix', file), '');
      }
    }
    const ours = Object.keys(devices).filter((name) => devices[name]?.ours);
    const text = [
      'MEDIUM=medium build=0123',
      'file_system_of() { echo ext4; }',
      'losetup() { [ "$1" != -r ] || disk=$3; }',
      'mount() { [ "$5" = /dev/loop0 ]; rm -f medium; ln -s "$disk" medium; }',
      'umount() { rm medium; }',
      `open_system() { case " ${ours.join(' ')} " in *" $(readlink medium) "*) ;; *) return 1 ;; esac; }`,
      'close_system() { echo close; }',
      'for round in 1 2; do',
      `for one in ${Object.keys(devices).join(' ')}; do`,
      'if is_medium $one; then echo "takes $one"; break 2; fi',
      'done',
      'done',
    ];
    return inInit(folder, text.join('\n'));
  }

  test('has the marker and the root file system of this build', async () => {
    const files = ['build-0123'];
    const both = { vda: { files: ['build-0456'], ours: true }, vdb: { files, ours: true } };
    expect(await taken(both)).toBe('takes vdb');
  });

  test('with only the marker is reported once, and another one is used', async () => {
    const files = ['build-0123'];
    const told =
      'say vda has the mark of this build and another or a damaged system: it is not used';
    expect(await taken({ vda: { files, ours: false }, vdb: { files, ours: true } })).toBe(
      `close\n${told}\ntakes vdb`,
    );
    expect(await taken({ vda: { files, ours: false } })).toBe(`close\n${told}\nclose`);
  });

  test('is read through a loop device, which is freed if it is not the medium', async () => {
    const text = [
      'MEDIUM=medium build=0123',
      'file_system_of() { [ $1 != vdc ] || echo iso9660; }',
      'losetup() { echo "losetup $*"; }',
      'umount() { echo "umount $*"; }',
      'is_medium vda || is_medium vdc || echo none',
    ];
    const steps = (await inInit(await temporaryFolder(), text.join('\n'))).split('\n');
    expect(steps.filter((line) => line !== 'losetup -f')).toEqual([
      'losetup -r /dev/loop0 vdc',
      'mount -t iso9660 -o ro,nosuid,nodev,noexec /dev/loop0 medium',
      'umount medium',
      'losetup -d /dev/loop0',
      'none',
    ]);
  });

  /**
   * Returns the partition that a boot uses as its medium; all have the system.
   * @param partitions device → name in the partition table
   */
  async function takenOf(partitions: Record<string, string>, medium: string): Promise<string> {
    const folder = await temporaryFolder();
    for (const [device, name] of Object.entries(partitions)) {
      const entry = join(folder, 'sys/class/block', device);
      await mkdir(entry, { recursive: true });
      await writeFile(join(entry, 'uevent'), `DEVTYPE=partition\nPARTNAME=${name}\nPARTN=3\n`);
    }
    await writeFile(join(folder, 'devices'), [...Object.keys(partitions), 'sr0'].join('\n'));
    const text = [
      `SYS=sys medium=${medium} MEDIUM_DEADLINE=1 MEDIUM_PATIENCE=9`,
      'cut() { echo 0; }; usleep() { :; }; load_drivers() { :; }',
      'partuuid_of() { [ $1 = sr0 ] || echo "0000-$1"; }',
      'is_medium() { echo "takes $1"; }',
      'whole_disk_of() { echo disk; }',
      'find_medium || echo none',
    ];
    return inInit(folder, text.join('\n'));
  }

  test('of a live system is never a slot of a disk, which may be overwritten', async () => {
    const both = { vda3: 'QUANTIX-A', vda4: 'QUANTIX-B' };
    expect(await takenOf(both, '')).toBe('takes sr0');
    expect(await takenOf({ ...both, vdb2: 'QUANTIX-AB' }, '')).toBe('takes vdb2');
  });

  test('of an installed system is its own slot, even if another has the same content', async () => {
    const both = { vda3: 'QUANTIX-A', vda4: 'QUANTIX-B', vdb3: 'QUANTIX-A' };
    expect(await takenOf(both, 'PARTUUID=0000-VDB3')).toBe('takes vdb3');
    expect(await takenOf(both, 'PARTUUID=0000-vda4')).toBe('takes vda4');
  });

  /** Returns the steps for opening the system of a medium with existing loop devices. @param failing step that fails */
  async function opening(failing: string): Promise<string> {
    const text = [
      'losetup() { echo "losetup $*"; }',
      `map_system() { echo "map $1"; [ "$1" != "${failing}" ]; }`,
      `dd() { echo "dd $*"; [ dd != "${failing}" ]; }`,
      'open_system && echo opened || echo not',
    ];
    return inInit(await temporaryFolder(), text.join('\n'));
  }

  test('is opened with dm-verity, and its first block is read', async () => {
    const steps = (await opening('none')).split('\n').filter((line) => line !== 'losetup -f');
    expect(steps).toEqual([
      'losetup -r /dev/loop1 /medium/quantix/system.squashfs',
      'losetup -r /dev/loop2 /medium/quantix/system.verity',
      'map create',
      'map load',
      'map resume',
      'dd if=/dev/dm-0 of=/dev/null bs=4096 count=1',
      'opened',
    ]);
    expect(await opening('load')).toMatch(/map create\nmap load\nnot$/);
    expect(await opening('dd')).toMatch(/count=1\nnot$/);
  });

  test('that is damaged is not copied to memory, and the reason is reported', async () => {
    const text = [
      'toram=yes MEMORY=512 PRODUCT=QX; stat() { echo 4096; }; need_memory() { :; }; memory_size() { echo 1000; }',
      'copy_system() { echo "cat: read error: Input/output error" >&2; return 1; }',
      'fail() { echo "fail $*"; exit 0; }',
      'mount_root',
    ];
    expect(await inInit(await temporaryFolder(), text.join('\n'))).toMatch(
      /fail the system cannot be copied to memory: cat: read error: Input\/output error$/,
    );
  });
});

describe('a disk image', () => {
  /**
   * Returns what init does with the disk that it booted from.
   * @param guid GUID of the disk, as the bytes of its table
   */
  async function started(guid: string, sector: number, words: string): Promise<string> {
    const folder = await temporaryFolder();
    const table = Buffer.alloc(2 * sector);
    table.write(guid, sector + 56, 'hex');
    await writeFile(join(folder, 'vda'), table);
    await mkdir(join(folder, 'sys/class/block/vda/queue'), { recursive: true });
    await writeFile(join(folder, 'sys/class/block/vda/queue/logical_block_size'), `${sector}\n`);
    const text = [
      `SYS=sys; boot_disk=vda slot=a; chroot() { echo "chroot $*" >&3; ${words}; }`,
      'sync() { :; }; reboot() { echo "reboot $*"; }',
      'start_image 3>&1; echo on',
    ];
    return inInit(folder, text.join('\n'));
  }

  const DERIVED = '00112233445566878899aabbccddeeff';
  const FIRST = [
    'say first start of this disk image: its partitions are made, and the machine starts again',
    'chroot /root /usr/sbin/qx-disk start-image vda',
  ];

  test.each([512, 4096])(
    'is set up for the machine at its first start, sectors of %d',
    async (sector) => {
      expect((await started(DERIVED, sector, ':')).split('\n')).toEqual([
        ...FIRST,
        'reboot -f',
        'on',
      ]);
    },
  );

  test('that cannot be written is reported, and the boot continues', async () => {
    const told = (await started(DERIVED, 512, 'echo no; return 1')).split('\n');
    expect(told).toEqual([...FIRST, 'say the partitions cannot be made: no', 'on']);
  });

  test('that was started before, or an installed disk, is not changed', async () => {
    expect(await started('00112233445566478899aabbccddeeff', 512, ':')).toBe('on');
  });
});

describe('if no medium is found', () => {
  /** Name of a PCI device → its class, and whether a driver uses it. */
  type Devices = Record<string, readonly [string, driven: boolean]>;

  async function explanation(flavour: string, devices: Devices): Promise<string> {
    const folder = await temporaryFolder();
    for (const [name, [kind, driven]] of Object.entries(devices)) {
      const device = join(folder, 'sys/bus/pci/devices', name);
      await mkdir(driven ? join(device, 'driver') : device, { recursive: true });
      await writeFile(join(device, 'class'), `${kind}\n`);
      await writeFile(join(device, 'vendor'), '0x8086\n');
      await writeFile(join(device, 'device'), '0x2922\n');
    }
    await writeFile(join(folder, 'devices'), '/dev/vda\n');
    return inInit(folder, `SYS=sys FLAVOUR=${flavour}\nexplain_no_medium`);
  }

  const controllers: Devices = {
    '0000:00:01.0': ['0x060000', false],
    '0000:00:02.0': ['0x010000', true],
    '0000:00:1f.2': ['0x010601', false],
    '0000:00:1d.0': ['0x0c0330', false],
  };

  test('disk controllers without a driver are reported, and the small image says that it lacks drivers for hardware', async () => {
    const told = [
      'say devices seen: /dev/vda',
      'say no driver for the disk controllers 0000:00:1d.0 (8086:2922) 0000:00:1f.2 (8086:2922)',
    ];
    expect(await explanation('full', controllers)).toBe(told.join('\n'));
    expect(await explanation('virt', controllers)).toMatch(
      /\nsay this is the image for virtual machines .*: use the default image .* on other hardware$/,
    );
  });

  test('the small image is not blamed if every controller has a driver', async () => {
    const driven: Devices = { '0000:00:1f.2': ['0x010601', true] };
    expect(await explanation('virt', driven)).toBe('say devices seen: /dev/vda');
    expect(await explanation('virt', {})).toBe('say devices seen: /dev/vda');
  });
});

describe('a machine with too little memory', () => {
  /** Returns init's output on a machine with this memory. @param memory `MemTotal` in KiB */
  async function start(text: string, memory: number): Promise<string> {
    const folder = await temporaryFolder();
    const lines = [`MemTotal:${memory} kB`, 'MemFree:  9 kB', 'SwapTotal: 0 kB'];
    await writeFile(join(folder, 'meminfo'), `${lines.join('\n').replace(':', ':     ')}\n`);
    const stand =
      'MEMINFO=meminfo MEMORY=512; fail() { echo "fail $*"; exit 0; }; mkdir() { :; }; cp() { :; }; umount() { :; }';
    return inInit(folder, `${stand}\n${text}`);
  }

  test('is reported with the needed amount, and the boot stops', async () => {
    expect(await start('need_memory "$MEMORY" QUANTIX; echo on', 223_000)).toBe(
      'fail QUANTIX needs 512 MiB of memory; this machine has 217 MiB, besides what firmware and kernel take',
    );
  });

  test('is reported before any driver is loaded', async () => {
    const folder =
      'printf "PRODUCT=QX\\nMEMORY=384\\nMODULES=loop\\n" >settings; SETTINGS=./settings';
    const told = await start(
      `${folder}; milestone() { :; }; modprobe() { echo "modprobe $*"; }; main`,
      223_000,
    );
    expect(told.split('\n').filter((line) => !line.startsWith('mount '))).toEqual([
      'fail QX needs 384 MiB of memory; this machine has 217 MiB, besides what firmware and kernel take',
    ]);
  });

  test('is not reported if only the kernel’s own share is missing', async () => {
    expect(await start('need_memory "$MEMORY" QUANTIX; echo on', 460_000)).toBe('on');
    expect(await start('need_memory "$MEMORY" QUANTIX; echo on', 64_000_000)).toBe('on');
  });

  test('is reported before the system is copied to memory', async () => {
    const toram = 'toram=yes; stat() { echo 400000000; }; mount_root';
    expect(await start(toram, 700_000)).toBe(
      'fail QUANTIX, copied to memory, needs 894 MiB of memory; this machine has 683 MiB, besides what firmware and kernel take',
    );
  });

  test('is not reported if the copy of the system fits; half of the memory is for files, in addition to the copy', async () => {
    const told = await start('toram=yes; stat() { echo 400000000; }; mount_root', 1_000_000);
    expect(told.split('\n').slice(0, 2)).toEqual([
      'mount -t tmpfs -o mode=755,size=870m tmpfs /overlay',
      'say copying the system to memory',
    ]);
    expect(await start('toram=; mount_root', 1_000_000)).toMatch(/^mount .*size=488m tmpfs/);
  });
});

test('drivers are loaded for present devices, and again only when new devices appear', async () => {
  const folder = await temporaryFolder();
  const appear = (bus: string, alias: string) => {
    const device = `sys/bus/${bus}/devices/1`;
    return `mkdir -p ${device}; echo '${alias}' >${device}/modalias; load_drivers; load_drivers`;
  };
  const text = [
    'modprobe() { echo "modprobe $*"; }',
    'SYS=sys',
    'load_drivers',
    appear('pci', 'pci:v8086'),
    appear('scsi', 'scsi:t-0x05'),
  ];
  expect(await inInit(folder, text.join('\n'))).toBe(
    'modprobe -a -q -b pci:v8086\nmodprobe -a -q -b pci:v8086 scsi:t-0x05',
  );
});

test('every busybox program that init calls is in the list of applets', async () => {
  const code = (await readFile(INIT, 'utf8')).replace(/^\s*#.*$/gm, '');
  const list = await readFile(join(PROJECT, 'overlay/initramfs/applets'), 'utf8');
  const { stdout } = await execa('/bin/busybox', ['--list']);
  const known = new Set(stdout.split('\n'));
  // Words at places where a command may begin. The shell's builtins and init itself need no applet.
  const words = code.matchAll(
    /(?<=^\s*|[|;&()!] *|\b(?:do|then|else|exec|setsid(?: -c)?) )([a-z_]+)/gm,
  );
  const called = new Set([...words].map(([, word = '']) => word).filter((word) => known.has(word)));
  const missed = called.difference(new Set([...list.split('\n'), 'echo', 'init', 'test']));
  expect([...missed]).toEqual([]);
  expect(called.size).toBeGreaterThan(12);
});
