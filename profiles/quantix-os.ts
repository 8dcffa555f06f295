import { defineProfile } from '../build/profile/define.ts';
import { groups, users } from './shared/accounts.ts';
import { cmdline, initramfsModules, runlevels } from './shared/boot.ts';
import * as debian from './shared/debian.ts';

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
      kernel: debian.kernel,
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
        'ovmf',
        'qemu-system-x86',
        'qemu-utils',
      ],
      without: {
        ...debian.without,
        cpio: 'busybox has this program',
        'klibc-utils': 'the builder makes the initramfs',
        'python3-netifaces': 'nothing on the appliance runs Python',
        'python3-openvswitch': 'nothing on the appliance runs Python',
        'sg3-utils-udev': 'udev is not in the image',
      },
      drop: debian.drop,
      links: {},
      overlays: ['debian'],
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
  runlevels: { ...runlevels, default: ['dbus', 'chronyd', 'libvirtd'] },
  overlays: ['common', 'quantix-os'],
  cmdline,
  initramfs: { modules: initramfsModules },
  setuid: {},
});
