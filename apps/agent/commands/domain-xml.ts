import { VM_NAMESPACE } from '../../guests/generation.ts';
import { POLICY_NAMESPACE } from '../../guests/policy.ts';
import { TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import {
  CpuModel,
  DiskBus,
  Firmware,
  HostStopPolicy,
  NicModel,
} from '../../proto/gen/quantix/v1/vm_spec_pb.js';
import { TaskFailure } from './failure.ts';
import type { CheckedDisk, CheckedSpec } from './vm-spec.ts';
import { type Element, makeElement, writeXml } from './xml.ts';

/** A volume on this host. */
export interface PlacedVolume {
  /** Path of its file or device. */
  readonly path: string;
  readonly isDevice: boolean;
  readonly format: 'raw' | 'qcow2';
}

/** Facts about the host that a definition needs. */
export interface Placement {
  /** libvirt's type of domain: `kvm`, or `qemu` without KVM; `test` for its test driver. */
  readonly type: 'kvm' | 'qemu' | 'test';
  readonly arch: 'x86_64' | 'aarch64';
  /** The volume of each disk, in the order of the specification; undefined for an empty drive. */
  readonly volumes: readonly (PlacedVolume | undefined)[];
}

/**
 * Writes libvirt's definition of a virtual machine (https://libvirt.org/formatdomain.html).
 * @throws TaskFailure CONFLICT if this host does not support it
 */
export function formatDomainXml(spec: CheckedSpec, placement: Placement): string {
  const { type } = placement;
  return writeXml(
    makeElement(
      'domain',
      { type },
      makeElement('uuid', {}, spec.id),
      makeElement('name', {}, spec.name),
      spec.description === '' ? undefined : makeElement('description', {}, spec.description),
      metadata(spec),
      makeElement('memory', { unit: 'KiB' }, String(spec.memoryBytes / 1024n)),
      makeElement('vcpu', {}, String(spec.cpus)),
      os(spec, placement),
      features(spec, placement),
      cpu(spec, placement),
      clock(spec, placement),
      makeElement('on_poweroff', {}, 'destroy'),
      makeElement('on_reboot', {}, 'restart'),
      makeElement('on_crash', {}, 'destroy'),
      devices(spec, placement),
    ),
  );
}

function metadata({ generation, startOrder, hostStop }: CheckedSpec): Element {
  const stop = hostStop === HostStopPolicy.SAVE ? 'save' : 'shutdown';
  const policy =
    startOrder === undefined && hostStop === HostStopPolicy.UNSPECIFIED
      ? undefined
      : makeElement('guest:guest', { 'xmlns:guest': POLICY_NAMESPACE, order: startOrder, stop });
  const vm = makeElement('quantix:vm', { 'xmlns:quantix': VM_NAMESPACE, generation });
  return makeElement('metadata', {}, vm, policy);
}

function os({ firmware }: CheckedSpec, { arch }: Placement): Element {
  const machine = arch === 'x86_64' ? 'q35' : 'virt';
  const hvm = makeElement('type', { arch, machine }, 'hvm');
  if (firmware === Firmware.BIOS) {
    if (arch === 'x86_64') return makeElement('os', {}, hvm);
    throw new TaskFailure(TaskErrorCode.CONFLICT, 'this host supports UEFI only, not BIOS');
  }
  const secure = firmware === Firmware.UEFI_SECURE;
  const enabled = secure ? 'yes' : 'no';
  return makeElement(
    'os',
    { firmware: 'efi' },
    hvm,
    makeElement(
      'firmware',
      {},
      makeElement('feature', { enabled, name: 'secure-boot' }),
      secure ? makeElement('feature', { enabled, name: 'enrolled-keys' }) : undefined,
    ),
  );
}

function features({ firmware }: CheckedSpec, { arch }: Placement): Element {
  return makeElement(
    'features',
    {},
    makeElement('acpi'),
    arch === 'x86_64' ? makeElement('apic') : undefined,
    firmware === Firmware.UEFI_SECURE && arch === 'x86_64'
      ? makeElement('smm', { state: 'on' })
      : undefined,
  );
}

function cpu(spec: CheckedSpec, { type }: Placement): Element {
  const { topology: t } = spec;
  const topology =
    t === undefined
      ? undefined
      : makeElement('topology', {
          sockets: t.sockets,
          dies: 1,
          cores: t.cores,
          threads: t.threads,
        });
  switch (spec.cpuModel) {
    case CpuModel.UNSPECIFIED:
      return makeElement(
        'cpu',
        { mode: type === 'qemu' ? 'maximum' : 'host-passthrough' },
        topology,
      );
    case CpuModel.NAMED:
      return makeElement(
        'cpu',
        { mode: 'custom', match: 'exact' },
        makeElement('model', { fallback: 'forbid' }, spec.cpuModelName),
        topology,
      );
    default: {
      if (type === 'qemu') {
        throw new TaskFailure(
          TaskErrorCode.CONFLICT,
          'a guest cannot have this host’s processor: there is no KVM',
        );
      }
      const mode = spec.cpuModel === CpuModel.HOST ? 'host-passthrough' : 'host-model';
      return makeElement('cpu', { mode }, topology);
    }
  }
}

const TIMERS: readonly Element[] = [
  makeElement('timer', { name: 'rtc', tickpolicy: 'catchup' }),
  makeElement('timer', { name: 'pit', tickpolicy: 'delay' }),
  makeElement('timer', { name: 'hpet', present: 'no' }),
];

function clock({ clockLocalTime }: CheckedSpec, { arch }: Placement): Element {
  return makeElement(
    'clock',
    { offset: clockLocalTime ? 'localtime' : 'utc' },
    ...(arch === 'x86_64' ? TIMERS : []),
  );
}

function devices(spec: CheckedSpec, { volumes, arch }: Placement): Element {
  const isPc = arch === 'x86_64';
  const names = new DiskNames();
  const disks = spec.disks.map((disk, index) => diskXml(disk, volumes[index], names));
  const scsi = spec.disks.some(({ bus }) => bus === DiskBus.SCSI)
    ? makeElement('controller', { type: 'scsi', model: 'virtio-scsi' })
    : undefined;
  return makeElement(
    'devices',
    {},
    ...disks,
    scsi,
    ...spec.nics.map(nicXml),
    makeElement('serial', { type: 'pty' }),
    makeElement('console', { type: 'pty' }),
    makeElement(
      'channel',
      { type: 'unix' },
      makeElement('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }),
    ),
    ...(spec.screen
      ? [...SCREEN, makeElement('input', { type: 'tablet', bus: isPc ? 'usb' : 'virtio' })]
      : []),
    makeElement('memballoon', { model: 'virtio' }),
    makeElement(
      'rng',
      { model: 'virtio' },
      makeElement('backend', { model: 'random' }, '/dev/urandom'),
    ),
    spec.tpm
      ? makeElement(
          'tpm',
          { model: isPc ? 'tpm-crb' : 'tpm-tis' },
          makeElement('backend', { type: 'emulator', version: '2.0' }),
        )
      : undefined,
  );
}

const SCREEN: readonly Element[] = [
  makeElement('graphics', { type: 'vnc', port: '-1', autoport: 'yes', listen: '127.0.0.1' }),
  makeElement('video', {}, makeElement('model', { type: 'virtio' })),
];

const BUSES: Readonly<Record<DiskBus, 'virtio' | 'scsi' | 'sata'>> = {
  [DiskBus.UNSPECIFIED]: 'virtio',
  [DiskBus.VIRTIO]: 'virtio',
  [DiskBus.SCSI]: 'scsi',
  [DiskBus.SATA]: 'sata',
};

function diskXml(disk: CheckedDisk, volume: PlacedVolume | undefined, names: DiskNames): Element {
  const bus = disk.cdrom && disk.bus === DiskBus.UNSPECIFIED ? 'sata' : BUSES[disk.bus];
  const discard = disk.discard && !disk.cdrom ? 'unmap' : undefined;
  return makeElement(
    'disk',
    {
      type: volume?.isDevice === true ? 'block' : 'file',
      device: disk.cdrom ? 'cdrom' : 'disk',
    },
    makeElement('driver', { name: 'qemu', type: volume?.format ?? 'raw', discard }),
    volume === undefined
      ? undefined
      : makeElement('source', { [volume.isDevice ? 'dev' : 'file']: volume.path }),
    makeElement('target', { dev: names.next(bus === 'virtio' ? 'vd' : 'sd'), bus }),
    disk.serial === '' ? undefined : makeElement('serial', {}, disk.serial),
    disk.bootOrder === 0 ? undefined : makeElement('boot', { order: disk.bootOrder }),
    disk.readOnly || disk.cdrom ? makeElement('readonly') : undefined,
  );
}

function nicXml({
  mac,
  attachment,
  vlanId,
  model,
  bootOrder,
  unplugged,
}: CheckedSpec['nics'][number]): Element {
  const common = [
    makeElement('mac', { address: mac }),
    vlanId === 0 ? undefined : makeElement('vlan', {}, makeElement('tag', { id: vlanId })),
    makeElement('model', { type: model === NicModel.E1000E ? 'e1000e' : 'virtio' }),
    unplugged ? makeElement('link', { state: 'down' }) : undefined,
    bootOrder === 0 ? undefined : makeElement('boot', { order: bootOrder }),
  ];
  const { case: type, value } = attachment;
  return makeElement('interface', { type }, makeElement('source', { [type]: value }), ...common);
}

/** Generates names of disks in the kernel's order: `vda` to `vdz`, then `vdaa`. */
class DiskNames {
  readonly #used = new Map<string, number>();

  next(prefix: string): string {
    const index = this.#used.get(prefix) ?? 0;
    this.#used.set(prefix, index + 1);
    const letter = (place: number) => String.fromCharCode(97 + place);
    const tail = letter(index % 26);
    return `${prefix}${index < 26 ? tail : `${letter(Math.floor(index / 26) - 1)}${tail}`}`;
  }
}
