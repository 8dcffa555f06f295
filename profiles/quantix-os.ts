import { defineProfile } from '../build/profile/define.ts';
import { groups, users } from './shared/accounts.ts';
import { cmdline, initramfsModules, runlevels } from './shared/boot.ts';
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
        '/usr/bin/qemu-system-i386': 'x86_64 runs 32-bit guests too',
        '/usr/bin/qemu-system-x86_64-microvm': 'a machine type for containers',
        '/usr/libexec/qemu-system-i386': 'x86_64 runs 32-bit guests too',
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
  runlevels: { ...runlevels, default: ['acpid', 'dbus', 'chronyd', 'libvirtd'] },
  overlays: ['common', 'quantix-os'],
  cmdline,
  initramfs: { modules: initramfsModules },
  setuid: {
    '/usr/sbin/mount.nfs': 'shipped so by Debian; only root logs in on the appliance',
  },
});
