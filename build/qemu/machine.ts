import {
  ARCHITECTURES,
  type ArchitectureName,
  type Board,
  DEFAULT_ARCHITECTURE,
} from '../architecture.ts';

export const FIRMWARES = ['bios', 'uefi', 'uefi-secure'] as const;

export type Firmware = (typeof FIRMWARES)[number];

/** A virtual machine, as a test or a person wants it. */
export interface Machine {
  /** Whose instructions it runs; `DEFAULT_ARCHITECTURE` if absent. */
  architecture?: ArchitectureName | undefined;
  /** `uefi-secure` starts only what Microsoft's keys vouch for (Secure Boot), and not on the board `pc`. */
  firmware: Firmware;
  /** QEMU's machine type; the architecture's usual one if absent. */
  board?: Board | undefined;
  /** What it boots from. */
  medium: Medium;
  /** Further disks. */
  disks?: readonly Disk[];
  /** MiB; 2048 if absent. */
  memory?: number | undefined;
  /** Virtual CPUs; 2 if absent. */
  cpus?: number | undefined;
  /** Whether the watchdog of a `q35` restarts it, as a real board's does; false if absent: then it has none. */
  watchdog?: boolean;
  /** Whether KVM works in it, as far as QEMU can do that; false if absent. */
  nesting?: boolean;
  /** Ports of the host on 127.0.0.1 that lead into the guest, by QEMU's own network; none if absent. */
  forwards?: readonly Forward[];
  /** A network that it shares with other machines, in place of QEMU's own or beside it. */
  segment?: Segment | undefined;
  /** Hardware address of its card on QEMU's own network; 52:54:00:12:34:56 if absent. */
  mac?: string | undefined;
}

/** A machine's place on a network of machines on this host, by multicast (qemu(1), `-netdev socket`). No root is needed. */
export interface Segment {
  /** UDP; machines that name the same one hear each other. */
  port: number;
  /** Hardware address of its card, which no other has. */
  mac: string;
  /** Whether it is a second card, and the first is on QEMU's own network; false if absent. */
  isBesideOwn?: boolean;
}

/**
 * What a drive is connected to: `ata` is the board's own IDE or AHCI, `scsi` a virtio-scsi controller, which a board
 * without ATA has in its place.
 */
export type Bus = 'ata' | 'scsi' | 'usb' | 'virtio' | 'nvme';

/**
 * What a machine boots from: an image as CD, as disk, or a kernel handed over without firmware's help. What is written to a
 * disk stays only if it is kept, be it until QEMU ends.
 */
export type Medium =
  | { as: 'cdrom'; bus?: 'ata' | 'scsi' | 'usb'; image: string }
  | ({ as: 'disk'; image: string; format?: Disk['format']; isKept?: boolean | 'until end' } & Pick<
      Disk,
      'bus' | 'sectorSize' | 'writeLog'
    >)
  | ({ as: 'kernel'; kernel: string; initramfs?: string; cmdline: string; cdrom?: string } & {
      bus?: 'ata' | 'scsi';
    });

/** A disk of a machine. */
export interface Disk {
  file: string;
  format: 'raw' | 'qcow2';
  bus: Bus;
  /** Serial number; `disk0` and so on if absent. */
  serial?: string;
  readOnly?: boolean;
  /** Bytes of a sector: 512 if absent. */
  sectorSize?: 512 | 4096;
  /** Keeps what the guest writes and flushes, in order, in the format of the kernel's dm-log-writes. */
  writeLog?: WriteLogFile | undefined;
}

/** Where writes to a disk are logged. */
export interface WriteLogFile {
  file: string;
  /** Whether it goes on with a log; else it begins one in an empty file. */
  append?: boolean;
}

/** TCP to a port of the host is handed to an address and port of the guest. */
export interface Forward {
  hostPort: number;
  /** In 10.0.2.0/24. */
  guestAddress: string;
  guestPort: number;
}

/** How QEMU runs a guest's instructions: on the CPU, or by translation. */
export type Acceleration = 'kvm' | 'tcg';

/** What leads into a running machine: sockets for a program, or this terminal, with or without a window, for a person. */
export type Access =
  | {
      by: 'sockets';
      /** Unix socket of the serial port. */
      serial: string;
      /** Unix socket of QMP. */
      control: string;
    }
  | { by: 'terminal'; window: boolean };

/** How one run of a machine is set up. */
export interface Setup {
  acceleration: Acceleration;
  access: Access;
  /** Fresh copy of the UEFI variables; only for UEFI. */
  variables?: string | undefined;
}

/** What QEMU makes of a machine's architecture. */
export function findPlatform({ architecture = DEFAULT_ARCHITECTURE }: Machine) {
  return ARCHITECTURES[architecture].qemu;
}

/** QEMU's arguments for a machine (qemu(1)). */
export function machineArguments(machine: Machine, setup: Setup): string[] {
  const { translatedCpu, nestingCpu = translatedCpu, screen, boards } = findPlatform(machine);
  const { board = boards[0], memory = 2048, cpus = 2, watchdog, nesting = false } = machine;
  const cpu =
    setup.acceleration === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi', '-cpu', nesting ? nestingCpu : translatedCpu];
  return [
    ...[
      '-nodefaults',
      '-machine',
      board + boardProperties(machine),
      ...cpu,
      '-smp',
      String(cpus),
      '-m',
      String(memory),
    ],
    ...[...screen, '-device', 'virtio-rng-pci'],
    ...(watchdog && board === 'q35' ? ['-global', 'ICH9-LPC.noreboot=false'] : []),
    ...channels(setup.access),
    ...firmware(machine, setup),
    ...kernel(machine.medium),
    ...connected(drivesOf(machine, board), board),
    ...network(machine),
  ];
}

function channels(access: Access): string[] {
  if (access.by === 'terminal') {
    return ['-display', access.window ? 'gtk' : 'none', '-serial', 'mon:stdio'];
  }
  return [
    ...['-display', 'none', '-serial', 'chardev:serial'],
    ...['-chardev', `socket,id=serial,path=${escaped(access.serial)},server=on,wait=on`],
    ...['-qmp', `unix:${escaped(access.control)},server=on,wait=off`],
  ];
}

function firmware(machine: Machine, { variables }: Setup): string[] {
  if (machine.firmware === 'bios' || variables === undefined) return [];
  const { code, secure } = findPlatform(machine).firmware;
  const flash = (options: string) => ['-drive', `if=pflash,format=raw,${options}`];
  const isSecure = machine.firmware === 'uefi-secure';
  return [
    ...(isSecure ? secure.arguments : []),
    ...flash(`readonly=on,file=${isSecure ? secure.code : code}`),
    ...flash(`file=${escaped(variables)}`),
  ];
}

function boardProperties(machine: Machine): string {
  return machine.firmware === 'uefi-secure' ? findPlatform(machine).firmware.secure.board : '';
}

function kernel(medium: Medium): string[] {
  if (medium.as !== 'kernel') return [];
  const { kernel: file, initramfs, cmdline } = medium;
  const initrd = initramfs === undefined ? [] : ['-initrd', initramfs];
  return ['-kernel', file, '-append', cmdline, ...initrd];
}

/** A drive as QEMU is told of it. */
interface Drive extends Disk {
  id: string;
  cd: boolean;
  /** Whether what is written is dropped when QEMU ends. */
  isDropped?: boolean;
  /** Further properties of the device. */
  properties: string;
}

function drivesOf({ medium, disks = [] }: Machine, board: Board): Drive[] {
  const ata = board.startsWith('virt') ? 'scsi' : 'ata';
  const further = disks.map((disk, index): Drive => {
    const id = `disk${index}`;
    return { ...disk, id, cd: false, properties: `serial=${disk.serial ?? id}` };
  });
  const image = medium.as === 'kernel' ? medium.cdrom : medium.image;
  if (image === undefined) return further;
  const first: Drive = {
    file: image,
    format: medium.as === 'disk' ? (medium.format ?? 'raw') : 'raw',
    bus: medium.bus ?? ata,
    readOnly: medium.as !== 'disk' || (medium.isKept ?? false) === false,
    isDropped: medium.as === 'disk' && medium.isKept === 'until end',
    ...(medium.as === 'disk' && medium.sectorSize && { sectorSize: medium.sectorSize }),
    ...(medium.as === 'disk' && { writeLog: medium.writeLog }),
    id: 'medium',
    cd: medium.as !== 'disk',
    // An NVMe disk must have a serial number.
    properties: 'bootindex=1,serial=medium',
  };
  return [first, ...further];
}

/** Drives, and before them the controllers that the board lacks. */
function connected(drives: readonly Drive[], board: Board): string[] {
  const has = (wanted: Bus) => drives.some(({ bus }) => bus === wanted);
  const onAta = drives.filter(({ bus }) => bus === 'ata');
  return [
    ...(has('scsi') ? ['-device', 'virtio-scsi-pci'] : []),
    ...(has('usb') ? ['-device', 'qemu-xhci'] : []),
    ...drives.flatMap((drive) => driveArguments(drive, ataPort(board, onAta.indexOf(drive)))),
  ];
}

/** IDE has two drives on a bus, AHCI one. */
function ataPort(board: Board, index: number): string {
  return board === 'pc' ? `ide.${index >> 1},unit=${index & 1}` : `ide.${index}`;
}

function driveArguments(drive: Drive, ata: string): string[] {
  const { bus, readOnly, isDropped, id, cd, properties, sectorSize } = drive;
  const sectors =
    sectorSize === undefined
      ? ''
      : `,logical_block_size=${sectorSize},physical_block_size=${sectorSize}`;
  const kind = cd ? 'cd' : 'hd';
  const devices = {
    ata: `ide-${kind},bus=${ata}`,
    scsi: `scsi-${kind}`,
    usb: 'usb-storage',
    virtio: 'virtio-blk-pci',
    nvme: 'nvme',
  };
  // These cannot be read-only; what a guest writes to them is dropped when it ends.
  const kept = !cd && (bus === 'ata' || bus === 'nvme') ? ',snapshot=on' : ',readonly=on';
  const more = `${cd ? ',media=cdrom' : ''}${readOnly ? kept : isDropped ? ',snapshot=on' : ''}`;
  return [
    ...['-drive', `if=none,id=${id},${contentOf(drive)}${more}`],
    ...['-device', `${devices[bus]},drive=${id},${properties}${sectors}`],
  ];
}

/** Where a drive's content comes from, and goes to. */
function contentOf({ file, format, writeLog, sectorSize = 512 }: Drive): string {
  if (writeLog === undefined) return `format=${format},file=${escaped(file)}`;
  const node = (name: string, driver: string, path: string) =>
    `${name}.driver=${driver},${name}.file.driver=file,${name}.file.filename=${escaped(path)}`;
  const more = `log-sector-size=${sectorSize},log-append=${writeLog.append === true ? 'on' : 'off'}`;
  const nodes = [node('file', format, file), node('log', 'raw', writeLog.file)];
  return ['driver=blklogwrites', ...nodes, more].join(',');
}

function network({ forwards = [], segment, mac: own = OWN_CARD }: Machine): string[] {
  const card = (id: string, mac: string) => ['-device', `virtio-net-pci,netdev=${id},mac=${mac}`];
  const shared = (id: string) => {
    if (segment === undefined) return [];
    const { port, mac } = segment;
    const socket = `socket,id=${id},mcast=${SEGMENT_GROUP}:${port},localaddr=127.0.0.1`;
    return ['-netdev', socket, ...card(id, mac)];
  };
  if (segment !== undefined && segment.isBesideOwn !== true) return shared('net0');
  const rules = forwards.map(
    ({ hostPort, guestAddress, guestPort }) =>
      `,hostfwd=tcp:127.0.0.1:${hostPort}-${guestAddress}:${guestPort}`,
  );
  return ['-netdev', `user,id=net0${rules.join('')}`, ...card('net0', own), ...shared('net1')];
}

/** Hardware address of a card on QEMU's own network, where nobody else is. */
const OWN_CARD = '52:54:00:12:34:56';

/** A group for use within an organisation (RFC 2365); what is sent to it from 127.0.0.1 does not leave the host. */
const SEGMENT_GROUP = '239.77.83.1';

/** In QEMU's option lists a comma is written twice. */
function escaped(path: string): string {
  return path.replaceAll(',', ',,');
}
