import { defineProfile } from '../build/profile/define.ts';
import { groups, users } from './shared/accounts.ts';
import * as alpine from './shared/alpine.ts';
import { cmdline, initramfs, kernel, runlevels } from './shared/boot.ts';
import * as debian from './shared/debian.ts';
import { names } from './shared/names.ts';

const PYTHON = 'nothing on the appliance runs Python';
const NOLOGIN = '/usr/sbin/nologin';

/** Quantix-OS: a hypervisor host. */
export default defineProfile({
  name: 'quantix-os',
  title: 'Quantix-OS',
  volumeId: 'QUANTIX-OS',
  labelPrefix: 'QUANTIX',
  ...names,
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
        'dnsmasq-base',
        'libvirt-clients',
        'libvirt-daemon',
        'libvirt-daemon-driver-interface',
        'libvirt-daemon-driver-network',
        'libvirt-daemon-driver-nodedev',
        'libvirt-daemon-driver-nwfilter',
        'libvirt-daemon-driver-qemu',
        'libvirt-daemon-driver-secret',
        'libvirt-daemon-driver-storage-disk',
        'libvirt-daemon-driver-storage-iscsi',
        'libvirt-daemon-driver-storage-logical',
        'libvirt-daemon-driver-storage-mpath',
        'libvirt-daemon-driver-storage-scsi',
        'lvm2',
        'multipath-tools',
        'nfs-common',
        'nvme-cli',
        'open-iscsi',
        'qemu-utils',
        'virtiofsd',
      ],
      without: {
        ...debian.without,
        cpio: 'busybox has this program',
        'klibc-utils': 'the builder makes the initramfs',
        polkitd: 'only root, whom libvirt does not ask polkit about, may use libvirt',
        'sg3-utils-udev': 'udev is not in the image',
        'systemd-container': 'guests are in control groups that libvirt makes itself',
        uidmap: 'set-uid, for virtiofsd without root; libvirt starts it as root',
      },
      drop: {
        ...debian.drop,
        '/usr/sbin/mountstats': PYTHON,
        '/usr/sbin/nfsiostat': PYTHON,
        '/usr/sbin/rpcctl': PYTHON,
        '/usr/share/nfs-common/nfsconvert.py': PYTHON,
        '/usr/share/qemu/hppa-*.img': 'firmware of another architecture',
        '/usr/share/qemu/s390-*.img': 'firmware of another architecture',
      },
      links: {
        ...debian.links,
        '/usr/sbin/ebtables': 'ebtables-nft',
        '/usr/sbin/ip6tables': 'ip6tables-nft',
        '/usr/sbin/iptables': 'iptables-nft',
      },
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
            '/usr/bin/qemu-system-armel': 'aarch64 runs 32-bit guests too',
            '/usr/bin/qemu-system-armhf': 'aarch64 runs 32-bit guests too',
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
        'dnsmasq',
        'iptables',
        'libvirt-client',
        'libvirt-daemon',
        'libvirt-qemu',
        'lvm2',
        'multipath-tools',
        'nfs-utils',
        'nvme-cli',
        'open-iscsi',
        'qemu-hw-display-virtio-vga',
        'qemu-hw-usb-host',
        'qemu-img',
      ],
      scripts: {
        ...alpine.scripts,
        glib: {
          reason:
            'compiles settings of desktop programs and lists modules, of which there are none',
        },
        libvirt: { reason: 'makes a group, which the profile declares' },
        qemu: { reason: 'makes accounts, and a group for /dev/kvm; the profile declares its own' },
      },
      without: {},
      drop: {
        ...alpine.drop,
        ...alpine.programs(['mountstats', 'nfsdclddb', 'nfsdclnts', 'nfsiostat', 'rpcctl'], PYTHON),
        '/etc/qemu': 'for a set-uid program that is left out',
        '/usr/lib/qemu/qemu-bridge-helper': 'set-uid; libvirt connects guests to bridges itself',
      },
      links: alpine.links,
      accept: {},
      overlays: [],
      architectures: {
        x86_64: { ...alpine.architectures.x86_64, packages: ['ovmf', 'qemu-system-x86_64'] },
      },
    },
  },
  memory: 384,
  accounts: {
    groups: { ...groups, dnsmasq: 113, _rpc: 114, rpc: 115, libvirt: 120, 'libvirt-qemu': 64_055 },
    users: {
      ...users,
      dnsmasq: {
        uid: 113,
        group: 'dnsmasq',
        comment: 'DHCP and DNS of guests’ networks',
        home: '/var/lib/misc',
        shell: NOLOGIN,
      },
      // Accounts that rpcbind runs as: `_rpc` on Debian, `rpc` on Alpine.
      _rpc: {
        uid: 114,
        group: '_rpc',
        comment: 'rpcbind, for NFS version 3',
        home: '/run/rpcbind',
        shell: NOLOGIN,
      },
      rpc: {
        uid: 115,
        group: 'rpc',
        comment: 'rpcbind, for NFS version 3',
        home: '/run/rpcbind',
        shell: NOLOGIN,
      },
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
    default: [
      'dbus',
      'quantix-pools',
      'virtlogd',
      'libvirtd',
      'guest-networks',
      'qx-node',
      'quantix-guests',
    ],
  },
  programs: ['qx-disk', 'qx-node', 'qx-console', 'qx-install', 'qx-support', 'qx-update'],
  overlays: ['common', 'quantix-os'],
  cmdline,
  kernel,
  initramfs,
  setuid: {
    '/usr/sbin/mount.nfs': 'shipped so by both bases; only root logs in on the appliance',
  },
});
