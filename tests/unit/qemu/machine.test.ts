import { expect, test } from 'vitest';
import type { Board } from '../../../build/architecture.ts';
import {
  type Bus,
  type Machine,
  makeMachineArguments,
  type Setup,
} from '../../../build/qemu/machine.ts';

const setup: Setup = {
  acceleration: 'kvm',
  access: { by: 'sockets', serial: '/run/a,b/serial', control: '/run/a,b/qmp' },
};
const medium: Machine['medium'] = { as: 'cdrom', image: '/tmp/x.iso' };
const machine: Machine = { firmware: 'bios', medium };

/** The values of all occurrences of an option. */
function values(option: string, of: Partial<Machine> = {}, by: Partial<Setup> = {}): string[] {
  const args = makeMachineArguments({ ...machine, ...of }, { ...setup, ...by });
  return args.flatMap((word, index) => (args[index - 1] === option ? [word] : []));
}

test('by default a machine has two CPUs, or one if emulated, and 2 GiB of memory', () => {
  expect([values('-smp'), values('-m')]).toEqual([['2'], ['2048']]);
  expect(values('-smp', {}, { acceleration: 'tcg' })).toEqual(['1']);
  expect([values('-smp', { cpus: 4 }), values('-m', { memory: 512 })]).toEqual([['4'], ['512']]);
  expect(makeMachineArguments(machine, setup)).toContain('-nodefaults');
});

test('a machine uses KVM or emulation', () => {
  expect([values('-accel'), values('-cpu')]).toEqual([['kvm'], ['host']]);
  const tcg = { acceleration: 'tcg' } as const;
  expect(values('-accel', {}, tcg)).toEqual(['tcg,thread=multi']);
  expect(values('-cpu', {}, tcg)).toEqual([
    'max,-la57,-smap,-smep,-pku,-xsave,-erms,-svm,vendor=GenuineIntel,family=6,model=54,stepping=1',
  ]);
});

test('the watchdog of a q35 machine restarts it on request', () => {
  const reboots = ['ICH9-LPC.noreboot=false'];
  expect(values('-global', { board: 'q35', watchdog: true }, {})).toEqual(reboots);
  expect(values('-global', { board: 'pc', watchdog: true }, {})).toEqual([]);
  expect(values('-global', { board: 'q35' }, {})).toEqual([]);
});

test('a machine with nested virtualization emulates AMD’s instructions if its CPU is emulated', () => {
  const nesting = (acceleration: Setup['acceleration']) =>
    values('-cpu', { nesting: true }, { acceleration });
  expect(nesting('kvm')).toEqual(['host']);
  expect(nesting('tcg')).toEqual([expect.stringMatching(/^max,.*,vendor=AuthenticAMD,/)]);
  expect(values('-cpu', { nesting: true, architecture: 'arm64' }, { acceleration: 'tcg' })).toEqual(
    values('-cpu', { architecture: 'arm64' }, { acceleration: 'tcg' }),
  );
});

test.each([
  ['pc', { as: 'cdrom' }, 'ide-cd,bus=ide.0,unit=0,'],
  ['q35', { as: 'cdrom' }, 'ide-cd,bus=ide.0,'],
  ['q35', { as: 'cdrom', bus: 'scsi' }, 'scsi-cd,'],
  ['q35', { as: 'cdrom', bus: 'usb' }, 'usb-storage,'],
  ['q35', { as: 'disk', bus: 'ata' }, 'ide-hd,bus=ide.0,'],
  ['q35', { as: 'disk', bus: 'scsi' }, 'scsi-hd,'],
  ['q35', { as: 'disk', bus: 'virtio' }, 'virtio-blk-pci,'],
  ['q35', { as: 'disk', bus: 'nvme' }, 'nvme,'],
  ['q35', { as: 'disk', bus: 'usb' }, 'usb-storage,'],
] as const)(
  'on %s a medium as %j is booted first, and its image is not changed',
  (board, drive, device) => {
    const one = { board, medium: { ...drive, image: '/tmp/a,b.iso' } };
    const cd = drive.as === 'cdrom' ? ',media=cdrom' : '';
    const isWritable = drive.as === 'disk' && (drive.bus === 'ata' || drive.bus === 'nvme');
    const kept = isWritable ? 'snapshot=on' : 'readonly=on';
    expect(values('-machine', one)).toEqual([board]);
    expect(values('-drive', one)).toEqual([
      `if=none,id=medium,format=raw,file=/tmp/a,,b.iso${cd},${kept}`,
    ]);
    expect(values('-device', one)).toContain(`${device}drive=medium,bootindex=1,serial=medium`);
  },
);

test.each([
  ['scsi', 'virtio-scsi-pci'],
  ['usb', 'qemu-xhci'],
] as const)('the controller of %s exists once, if it is needed', (bus, controller) => {
  const disks = [{ file: '/d', format: 'raw', bus } as const];
  const controllers = (of: Partial<Machine>) =>
    values('-device', of).filter((one) => one === controller);
  expect(controllers({ medium: { as: 'disk', bus, image: '/i' }, disks })).toHaveLength(1);
  expect(controllers({})).toHaveLength(0);
});

test('a kernel can be booted directly, with or without initramfs and CD', () => {
  const kernel = { as: 'kernel', kernel: '/k', cmdline: 'a b' } as const;
  const plain = { medium: kernel };
  expect([values('-kernel', plain), values('-append', plain)]).toEqual([['/k'], ['a b']]);
  expect([values('-initrd', plain), values('-drive', plain)]).toEqual([[], []]);
  const full = { medium: { ...kernel, initramfs: '/i', cdrom: '/c.iso' } };
  expect(values('-initrd', full)).toEqual(['/i']);
  expect(values('-drive', full)).toEqual([
    'if=none,id=medium,format=raw,file=/c.iso,media=cdrom,readonly=on',
  ]);
});

test('UEFI has read-only code and its own variables', () => {
  const uefi = values('-drive', { firmware: 'uefi' }, { variables: '/tmp/v,1.fd' });
  expect(uefi.slice(0, 2)).toEqual([
    'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd',
    'if=pflash,format=raw,file=/tmp/v,,1.fd',
  ]);
  expect(values('-drive').join()).not.toContain('pflash');
});

test('UEFI with Secure Boot has firmware with keys, writable only in system management mode', () => {
  const secure = { firmware: 'uefi-secure' } as const;
  const variables = { variables: '/tmp/v.fd' };
  expect(values('-machine', secure, variables)).toEqual(['q35,smm=on']);
  expect(values('-global', secure, variables)).toEqual([
    'driver=cfi.pflash01,property=secure,value=on',
  ]);
  expect(values('-drive', secure, variables)[0]).toContain('/OVMF_CODE_4M.secboot.fd');
  const arm = { ...secure, architecture: 'arm64' } as const;
  expect(values('-machine', arm, variables)).toEqual(['virt,gic-version=max']);
  expect(values('-global', arm, variables)).toEqual([]);
});

test('disks are on the requested buses, each with a serial number', () => {
  const disk = (bus: Bus) => ({ file: `/d,${bus}`, format: 'qcow2', bus }) as const;
  const disks = [disk('virtio'), { ...disk('ata'), readOnly: true }, disk('nvme'), disk('ata')];
  expect(values('-drive', { disks }).slice(1)).toEqual([
    'if=none,id=disk0,format=qcow2,file=/d,,virtio',
    'if=none,id=disk1,format=qcow2,file=/d,,ata,snapshot=on',
    'if=none,id=disk2,format=qcow2,file=/d,,nvme',
    'if=none,id=disk3,format=qcow2,file=/d,,ata',
  ]);
  const devices = (board: Board) => values('-device', { disks, board }).slice(2, 6);
  expect(devices('q35')).toEqual([
    'virtio-blk-pci,drive=disk0,serial=disk0',
    'ide-hd,bus=ide.1,drive=disk1,serial=disk1',
    'nvme,drive=disk2,serial=disk2',
    'ide-hd,bus=ide.2,drive=disk3,serial=disk3',
  ]);
  expect(devices('pc')).toEqual(
    expect.arrayContaining([
      'ide-hd,bus=ide.0,unit=1,drive=disk1,serial=disk1',
      'ide-hd,bus=ide.1,unit=0,drive=disk3,serial=disk3',
    ]),
  );
});

test('the boot disk has the requested persistence and sector size', () => {
  const booted = (more: object) => {
    const medium = { as: 'disk', bus: 'nvme', image: '/d', ...more } as const;
    return [values('-drive', { medium })[0], values('-device', { medium })[1]];
  };
  const drive = 'if=none,id=medium,format=raw,file=/d';
  const device = 'nvme,drive=medium,bootindex=1,serial=medium';
  expect(booted({})).toEqual([`${drive},snapshot=on`, device]);
  expect(booted({ bus: 'virtio' })[0]).toBe(`${drive},readonly=on`);
  expect(booted({ isKept: 'until end' })[0]).toBe(`${drive},snapshot=on`);
  expect(booted({ isKept: true, sectorSize: 4096 })).toEqual([
    drive,
    `${device},logical_block_size=4096,physical_block_size=4096`,
  ]);
});

test('a port of the host is forwarded to the guest, for connections of this host only', () => {
  const forwards = [{ hostPort: 2222, guestAddress: '10.0.2.15', guestPort: 22 }];
  expect(values('-netdev', { forwards })).toEqual([
    'user,id=net0,hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22',
  ]);
  expect(values('-netdev')).toEqual(['user,id=net0']);
});

test('a program controls the machine by sockets, and a person by the terminal', () => {
  expect(values('-chardev')).toEqual(['socket,id=serial,path=/run/a,,b/serial,server=on,wait=on']);
  expect(values('-qmp')).toEqual(['unix:/run/a,,b/qmp,server=on,wait=off']);
  expect(values('-display')).toEqual(['none']);
  const person = (window: boolean) => ({ access: { by: 'terminal', window } }) as const;
  expect(values('-serial', {}, person(true))).toEqual(['mon:stdio']);
  expect(values('-display', {}, person(true))).toEqual(['gtk']);
  expect(values('-display', {}, person(false))).toEqual(['none']);
  expect(values('-qmp', {}, person(false))).toEqual([]);
});

test('a machine for another CPU has the QEMU program, firmware and devices of that CPU', () => {
  const arm = { architecture: 'arm64', firmware: 'uefi' } as const;
  const by = { acceleration: 'tcg', variables: '/tmp/v.fd' } as const;
  expect(values('-machine', arm, by)).toEqual(['virt,gic-version=max']);
  expect(values('-drive', arm, by)[0]).toContain('/usr/share/AAVMF/AAVMF_CODE.fd');
  // This board has no IDE and no PS/2.
  const devices = values('-device', arm, by);
  expect(devices).toContain('scsi-cd,drive=medium,bootindex=1,serial=medium');
  expect(devices).toContain('usb-kbd');
});

test('machines on one segment are connected through a port of this host only, each with its own MAC address', () => {
  const segment = { port: 4000, mac: '52:54:00:77:00:01' };
  expect(values('-netdev', { segment })).toEqual([
    'socket,id=net0,mcast=239.77.83.1:4000,localaddr=127.0.0.1',
  ]);
  expect(values('-device', { segment })).toContain(
    'virtio-net-pci,netdev=net0,mac=52:54:00:77:00:01',
  );
});

test('a machine may be on a segment and also on its own network with forwarded ports', () => {
  const mac = '52:54:00:00:00:01';
  const both: Partial<Machine> = {
    segment: { port: 50_000, mac, isBesideOwn: true },
    mac: '52:54:00:00:00:02',
    forwards: [{ hostPort: 8443, guestAddress: '10.0.2.15', guestPort: 443 }],
  };
  expect(values('-netdev', both)).toEqual([
    'user,id=net0,hostfwd=tcp:127.0.0.1:8443-10.0.2.15:443',
    'socket,id=net1,mcast=239.77.83.1:50000,localaddr=127.0.0.1',
  ]);
  expect(values('-device', both).filter((device) => device.includes('netdev'))).toEqual([
    'virtio-net-pci,netdev=net0,mac=52:54:00:00:00:02',
    `virtio-net-pci,netdev=net1,mac=${mac}`,
  ]);
});

test('a disk may have a serial number of its own', () => {
  const disks = [{ file: '/d', format: 'qcow2', bus: 'virtio', serial: 'data' }] as const;
  expect(values('-device', { disks })).toContain('virtio-blk-pci,drive=disk0,serial=data');
});

test('writes to a disk can be logged', () => {
  const writeLog = { file: '/l,og' };
  const log = 'log.driver=raw,log.file.driver=file,log.file.filename=/l,,og';
  const more = { bus: 'virtio', sectorSize: 4096, writeLog } as const;
  const disks = [{ file: '/d', format: 'qcow2', ...more }] as const;
  expect(values('-drive', { disks })[1]).toBe(
    `if=none,id=disk0,driver=blklogwrites,file.driver=qcow2,file.file.driver=file,file.file.filename=/d,${log},log-sector-size=4096,log-append=off`,
  );
  expect(values('-device', { disks })).toContainEqual(
    expect.stringMatching(/^virtio-blk-pci,request-merging=off,drive=disk0,/),
  );
  const booted = { as: 'disk', image: '/d', isKept: true, ...more } as const;
  const medium = { ...booted, writeLog: { ...writeLog, append: true } };
  expect(values('-drive', { medium })[0]).toMatch(/id=medium,driver=blklogwrites,.*append=on$/);
});
