/** A virtual machine, as a test or a person wants it. */
export interface Machine {
  firmware: 'bios' | 'uefi';
  /** What it boots from. */
  medium: Medium;
  /** Further disks. */
  disks?: readonly Disk[];
  /** MiB; 2048 if absent. */
  memory?: number | undefined;
  /** Virtual CPUs; 2 if absent. */
  cpus?: number;
  /** Ports of the host on 127.0.0.1 that lead into the guest, by QEMU's own network; none if absent. */
  forwards?: readonly Forward[];
}

/** What a machine boots from: an image as CD, as disk, or a kernel handed over without firmware's help. */
export type Medium =
  | { as: 'cdrom' | 'virtio' | 'usb'; image: string }
  | { as: 'kernel'; kernel: string; initramfs?: string; cmdline: string; cdrom?: string };

/** A disk of a machine. */
export interface Disk {
  file: string;
  format: 'raw' | 'qcow2';
  bus: 'virtio' | 'sata' | 'nvme';
  readOnly?: boolean;
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

const OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';

/** Variables of UEFI as the firmware ships them; each boot gets a copy of its own. */
export const OVMF_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd';

/** All that QEMU can translate, without what makes translated code slower and nothing here needs. */
const TRANSLATED_CPU = 'max,-la57,-smap,-smep,-pku,-xsave,-erms';

/** QEMU's arguments for a machine (qemu-system-x86_64(1)). */
export function machineArguments(machine: Machine, setup: Setup): string[] {
  const { memory = 2048, cpus = 2 } = machine;
  const cpu =
    setup.acceleration === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi', '-cpu', TRANSLATED_CPU];
  return [
    ...['-nodefaults', '-machine', 'pc', ...cpu, '-smp', String(cpus), '-m', String(memory)],
    ...['-vga', 'std', '-device', 'virtio-rng-pci'],
    ...channels(setup.access),
    ...firmware(machine, setup),
    ...medium(machine.medium),
    ...(machine.disks?.some(({ bus }) => bus === 'sata') ? ['-device', 'ahci,id=ahci'] : []),
    ...(machine.disks ?? []).flatMap(disk),
    ...network(machine.forwards ?? []),
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

function firmware({ firmware: kind }: Machine, { variables }: Setup): string[] {
  if (kind === 'bios' || variables === undefined) return [];
  const flash = (options: string) => ['-drive', `if=pflash,format=raw,${options}`];
  return [...flash(`readonly=on,file=${OVMF_CODE}`), ...flash(`file=${escaped(variables)}`)];
}

function medium(what: Medium): string[] {
  if (what.as === 'kernel') {
    return [
      ...['-kernel', what.kernel, '-append', what.cmdline],
      ...(what.initramfs === undefined ? [] : ['-initrd', what.initramfs]),
      ...(what.cdrom === undefined ? [] : medium({ as: 'cdrom', image: what.cdrom })),
    ];
  }
  const drive = `if=none,id=medium,format=raw,readonly=on,file=${escaped(what.image)}`;
  const devices = {
    cdrom: ['-device', 'ide-cd,drive=medium,bootindex=1'],
    virtio: ['-device', 'virtio-blk-pci,drive=medium,bootindex=1'],
    usb: ['-device', 'qemu-xhci', '-device', 'usb-storage,drive=medium,bootindex=1'],
  };
  return ['-drive', drive, ...devices[what.as]];
}

function disk({ file, format, bus, readOnly }: Disk, index: number): string[] {
  const id = `disk${index}`;
  const access = readOnly ? ',readonly=on' : '';
  const devices = {
    virtio: `virtio-blk-pci,drive=${id},serial=${id}`,
    sata: `ide-hd,bus=ahci.${index},drive=${id},serial=${id}`,
    nvme: `nvme,drive=${id},serial=${id}`,
  };
  return [
    ...['-drive', `if=none,id=${id},format=${format},file=${escaped(file)}${access}`],
    ...['-device', devices[bus]],
  ];
}

function network(forwards: readonly Forward[]): string[] {
  const rules = forwards.map(
    ({ hostPort, guestAddress, guestPort }) =>
      `,hostfwd=tcp:127.0.0.1:${hostPort}-${guestAddress}:${guestPort}`,
  );
  return [
    ...['-netdev', `user,id=net0${rules.join('')}`],
    ...['-device', 'virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56'],
  ];
}

/** In QEMU's option lists a comma is written twice. */
function escaped(path: string): string {
  return path.replaceAll(',', ',,');
}
