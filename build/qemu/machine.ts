import {
  ARCHITECTURES,
  type ArchitectureName,
  type Board,
  DEFAULT_ARCHITECTURE,
} from '../architecture.ts';
import type { Format } from '../image/format.ts';

export const FIRMWARES = ['bios', 'uefi', 'uefi-secure'] as const;

export type Firmware = (typeof FIRMWARES)[number];

/** A virtual machine. */
export interface Machine {
  /** Its architecture; `DEFAULT_ARCHITECTURE` if absent. */
  architecture?: ArchitectureName | undefined;
  /**
   * `uefi-secure` starts only programs signed with a key in its variables (Secure Boot), by default Microsoft's; not
   * available on the board `pc`.
   */
  firmware: Firmware;
  /** Template of UEFI's variables, which is copied; the firmware's own if absent. */
  variables?: string | undefined;
  /** QEMU's machine type; the architecture's default if absent. */
  board?: Board | undefined;
  /** Medium that it boots from. */
  medium: Medium;
  /** Additional disks. */
  disks?: readonly Disk[];
  /** Memory in MiB; 2048 if absent. */
  memory?: number | undefined;
  /** Number of virtual CPUs; if absent, 2 under KVM, and 1 under TCG. */
  cpus?: number | undefined;
  /** Whether a `q35` has a watchdog that restarts it, like a real board; false if absent. */
  watchdog?: boolean;
  /** Whether KVM works in the guest, if QEMU supports that; false if absent. */
  nesting?: boolean;
  /** Ports of the host on 127.0.0.1 that are forwarded to the guest by QEMU's user network; none if absent. */
  forwards?: readonly Forward[];
  /** A network shared with other machines, instead of QEMU's user network or in addition to it. */
  segment?: Segment | undefined;
  /** Hardware address of its card on QEMU's user network; 52:54:00:12:34:56 if absent. */
  mac?: string | undefined;
}

/** A connection to a network of machines on this host, by multicast (qemu(1), `-netdev socket`); needs no root. */
export interface Segment {
  /** UDP port; machines with the same port can reach each other. */
  port: number;
  /** Hardware address of its card, unique on the network. */
  mac: string;
  /** Whether it is a second card, in addition to one on QEMU's user network; false if absent. */
  isBesideOwn?: boolean;
}

/** Bus of a drive: `ata` is the board's IDE or AHCI; `scsi` is virtio-scsi, which boards without ATA have instead. */
export type Bus = 'ata' | 'scsi' | 'usb' | 'virtio' | 'nvme';

/**
 * What a machine boots from: an image as a CD or a disk, or a kernel loaded without firmware. Writes to a disk are kept
 * only if `isKept` is set; with `until end`, they are kept until QEMU ends.
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
  format: Format['layout'];
  bus: Bus;
  /** Serial number; by default `disk0` and so on. */
  serial?: string;
  readOnly?: boolean;
  /** Sector size in bytes: 512 if absent. */
  sectorSize?: 512 | 4096;
  /** Log of the guest's writes and flushes in order, in the format of the kernel's dm-log-writes. */
  writeLog?: WriteLogFile | undefined;
}

/** File to which writes to a disk are logged. */
export interface WriteLogFile {
  file: string;
  /** Whether to append to an existing log; otherwise the file must be empty. */
  append?: boolean;
}

/** Forwards TCP connections from a port of the host to an address and port of the guest. */
export interface Forward {
  hostPort: number;
  /** An address in 10.0.2.0/24. */
  guestAddress: string;
  guestPort: number;
}

/** How a guest's instructions are executed: by the CPU (KVM), or by emulation (TCG). */
export type Acceleration = 'kvm' | 'tcg';

/** Access to a running machine: sockets for a program, or this terminal, with or without a window, for a person. */
export type Access =
  | {
      by: 'sockets';
      /** Path of the serial port's Unix socket. */
      serial: string;
      /** Path of QMP's Unix socket. */
      control: string;
    }
  | { by: 'terminal'; window: boolean };

/** Settings of one run of a machine. */
export interface Setup {
  acceleration: Acceleration;
  access: Access;
  /** Path of a fresh copy of the UEFI variables; only for UEFI. */
  variables?: string | undefined;
}

/** Returns QEMU's settings for a machine's architecture. */
export function findPlatform({ architecture = DEFAULT_ARCHITECTURE }: Machine) {
  return ARCHITECTURES[architecture].qemu;
}

/** Returns QEMU's arguments for a machine (qemu(1)). */
export function makeMachineArguments(machine: Machine, setup: Setup): string[] {
  const { translatedCpu, nestingCpu = translatedCpu, screen, boards } = findPlatform(machine);
  const { board = boards[0], memory = 2048, watchdog, nesting = false } = machine;
  // Two emulated CPUs boot in half the time, but QEMU 7.2 (Debian 12) sometimes runs a stale `int3` of the kernel's
  // self-patching on one of them, and the boot ends in `Oops: int3`.
  const { cpus = setup.acceleration === 'kvm' ? 2 : 1 } = machine;
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

/** A drive with its properties for QEMU. */
interface Drive extends Disk {
  id: string;
  cd: boolean;
  /** Whether writes are discarded when QEMU ends. */
  isDropped?: boolean;
  /** Additional properties of the device. */
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

/** Returns arguments for drives, preceded by controllers that the board lacks. */
function connected(drives: readonly Drive[], board: Board): string[] {
  const has = (wanted: Bus) => drives.some(({ bus }) => bus === wanted);
  const onAta = drives.filter(({ bus }) => bus === 'ata');
  return [
    ...(has('scsi') ? ['-device', 'virtio-scsi-pci'] : []),
    ...(has('usb') ? ['-device', 'qemu-xhci'] : []),
    ...drives.flatMap((drive) => driveArguments(drive, ataPort(board, onAta.indexOf(drive)))),
  ];
}

/** IDE has two drives per bus, AHCI one. */
function ataPort(board: Board, index: number): string {
  return board === 'pc' ? `ide.${index >> 1},unit=${index & 1}` : `ide.${index}`;
}

function driveArguments(drive: Drive, ata: string): string[] {
  const { bus, readOnly, isDropped, id, cd, properties, sectorSize, writeLog } = drive;
  const sectors =
    sectorSize === undefined
      ? ''
      : `,logical_block_size=${sectorSize},physical_block_size=${sectorSize}`;
  const kind = cd ? 'cd' : 'hd';
  // QEMU merges queued writes up to the 1024 buffers that a system call takes (IOV_MAX); blklogwrites adds its own
  // buffers to these, so the call fails, and the guest sees an I/O error.
  const merging = writeLog === undefined ? '' : ',request-merging=off';
  const devices = {
    ata: `ide-${kind},bus=${ata}`,
    scsi: `scsi-${kind}`,
    usb: 'usb-storage',
    virtio: `virtio-blk-pci${merging}`,
    nvme: 'nvme',
  };
  // These buses do not support read-only disks; the guest's writes are discarded when it ends.
  const kept = !cd && (bus === 'ata' || bus === 'nvme') ? ',snapshot=on' : ',readonly=on';
  const more = `${cd ? ',media=cdrom' : ''}${readOnly ? kept : isDropped ? ',snapshot=on' : ''}`;
  return [
    ...['-drive', `if=none,id=${id},${contentOf(drive)}${more}`],
    ...['-device', `${devices[bus]},drive=${id},${properties}${sectors}`],
  ];
}

/** Returns the storage behind a drive, for QEMU. */
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

/** Default hardware address of a machine's card on QEMU's user network. */
const OWN_CARD = '52:54:00:12:34:56';

/** A multicast group for local use (RFC 2365); packets sent to it from 127.0.0.1 do not leave the host. */
export const SEGMENT_GROUP = '239.77.83.1';

/** In QEMU's options, a comma in a value is doubled. */
function escaped(path: string): string {
  return path.replaceAll(',', ',,');
}
