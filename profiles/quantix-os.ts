import { defineProfile } from '../build/profile/define.ts';
import { groups, users } from './shared/accounts.ts';
import * as alpine from './shared/alpine.ts';
import { cmdline, initramfs, kernel, runlevels } from './shared/boot.ts';
import * as debian from './shared/debian.ts';

const PYTHON = 'nothing on the appliance runs Python';
const NOLOGIN = '/usr/sbin/nologin';

/** Quantix-OS: a hypervisor host. */
export default defineProfile({
  name: 'quantix-os',
  title: 'Quantix-OS',
  volumeId: 'QUANTIX-OS',
  labelPrefix: 'QUANTIX',
  hostname: 'quantix',
  bases: {
    debian: {
      suite: debian.suite,
      components: debian.components,
      busybox: debian.busybox,
      packages: [
        ...debian.system,
        ...debian.network,
        ...debian.storage,
        ...debian.bootLoader,
        ...debian.hardware,
        'libvirt-clients',
        'libvirt-daemon',
        'libvirt-daemon-config-network',
        'libvirt-daemon-driver-qemu',
        'lvm2',
        'multipath-tools',
        'nfs-common',
        'nvme-cli',
        'open-iscsi',
        'openvswitch-switch',
        'qemu-utils',
      ],
      without: {
        ...debian.without,
        cpio: 'busybox has this program',
        'klibc-utils': 'the builder makes the initramfs',
        'python3-netifaces': PYTHON,
        'python3-openvswitch': PYTHON,
        'sg3-utils-udev': 'udev is not in the image',
      },
      drop: {
        ...debian.drop,
        '/usr/bin/ovs-dpctl-top': PYTHON,
        '/usr/bin/ovs-parse-backtrace': PYTHON,
        '/usr/bin/ovs-pcap': PYTHON,
        '/usr/bin/ovs-tcpdump': PYTHON,
        '/usr/bin/ovs-tcpundump': PYTHON,
        '/usr/bin/ovs-vlan-test': PYTHON,
        '/usr/sbin/mountstats': PYTHON,
        '/usr/sbin/nfsiostat': PYTHON,
        '/usr/sbin/ovs-bugtool': PYTHON,
        '/usr/sbin/rpcctl': PYTHON,
        '/usr/share/nfs-common/nfsconvert.py': PYTHON,
        '/usr/share/openvswitch/scripts/ovs-check-dead-ifs': PYTHON,
        '/usr/share/qemu/s390-*.img': 'firmware of another architecture',
      },
      links: debian.links,
      accept: {},
      overlays: ['debian'],
      architectures: {
        x86_64: {
          ...debian.architectures.x86_64,
          packages: ['ovmf', 'qemu-system-x86'],
          drop: {
            '/usr/bin/qemu-system-i386': 'x86_64 runs 32-bit guests too',
            '/usr/bin/qemu-system-x86_64-microvm': 'a machine type for containers',
            '/usr/libexec/qemu-system-i386': 'x86_64 runs 32-bit guests too',
          },
        },
        arm64: {
          ...debian.architectures.arm64,
          packages: ['qemu-efi-aarch64', 'qemu-system-arm'],
          drop: {
            '/usr/bin/qemu-system-arm': 'aarch64 runs 32-bit guests too',
          },
        },
      },
    },
    alpine: {
      ...alpine.source,
      packages: [
        ...alpine.system,
        ...alpine.network,
        ...alpine.storage,
        ...alpine.bootLoader,
        ...alpine.hardware,
        'libvirt-client',
        'libvirt-daemon',
        'libvirt-qemu',
        'lvm2',
        'multipath-tools',
        'nfs-utils',
        'nvme-cli',
        'open-iscsi',
        'openvswitch',
        'qemu-hw-display-virtio-vga',
        'qemu-hw-usb-host',
        'qemu-img',
      ],
      scripts: {
        ...alpine.scripts,
        glib: 'compiles settings of desktop programs and lists modules, of which there are none',
        libvirt: 'makes a group, which the profile declares',
        qemu: 'makes accounts, and a group for /dev/kvm; the profile declares its own',
      },
      without: {},
      drop: {
        ...alpine.drop,
        ...alpine.programs(
          [
            'mountstats',
            'nfsdclddb',
            'nfsdclnts',
            'nfsiostat',
            'ovs-dpctl-top',
            'ovs-l3ping',
            'ovs-parse-backtrace',
            'ovs-vlan-test',
            'ovs-bugtool',
            'rpcctl',
          ],
          PYTHON,
        ),
        '/etc/qemu': 'for a set-uid program that is left out',
        '/usr/lib/qemu/qemu-bridge-helper': 'set-uid; libvirt connects guests to bridges itself',
        '/usr/share/openvswitch/scripts/ovs-check-dead-ifs': PYTHON,
        '/usr/share/openvswitch/scripts/ovs-vtep': PYTHON,
      },
      links: alpine.links,
      accept: {},
      overlays: [],
      architectures: {
        x86_64: { ...alpine.architectures.x86_64, packages: ['ovmf', 'qemu-system-x86_64'] },
      },
    },
  },
  accounts: {
    groups: { ...groups, libvirt: 120, 'libvirt-qemu': 64_055 },
    users: {
      ...users,
      'libvirt-qemu': {
        uid: 64_055,
        group: 'kvm',
        comment: 'virtual machines',
        home: '/var/lib/libvirt',
        shell: NOLOGIN,
        member: ['libvirt-qemu'],
      },
    },
  },
  runlevels: {
    ...runlevels,
    default: ['acpid', 'dbus', 'chronyd', 'virtlogd', 'libvirtd', 'qx-node'],
  },
  programs: ['qx-node', 'qx-console'],
  overlays: ['common', 'quantix-os'],
  cmdline,
  kernel,
  initramfs,
  setuid: {
    '/usr/sbin/mount.nfs': 'shipped so by both bases; only root logs in on the appliance',
  },
});
