import type { ProfileInput } from '../../build/profile/schema.ts';
import quantixOs from '../../profiles/quantix-os.ts';
import * as alpine from '../../profiles/shared/alpine.ts';
import { RELEASE } from './from-alpine.ts';
import { LENT } from './lent-by-debian.ts';

/** Services of Quantix-OS for virtual machines and their storage, and the firewall, as paths of the project. */
export const NOT_SMALL = [
  'overlay/common/etc/init.d/dbus',
  'overlay/common/etc/init.d/quantix-firewall',
  'overlay/quantix-os/etc/init.d/guest-networks',
  'overlay/quantix-os/etc/init.d/iscsid',
  'overlay/quantix-os/etc/init.d/libvirtd',
  'overlay/quantix-os/etc/init.d/multipathd',
  'overlay/quantix-os/etc/init.d/quantix-guests',
  'overlay/quantix-os/etc/init.d/quantix-pools',
  'overlay/quantix-os/etc/init.d/rpc.statd',
  'overlay/quantix-os/etc/init.d/rpcbind',
  'overlay/quantix-os/etc/init.d/virtlogd',
  'overlay/quantix-os/etc/modules-load.d/hypervisor.conf',
];

const services = new Set(NOT_SMALL.map((path) => path.replace(/.*\//, '')));

/** Quantix-OS without virtual machines: the parts for which real packages are available, and the programs. */
export const smallProfile: ProfileInput = {
  ...quantixOs,
  name: 'small',
  bases: {
    alpine: {
      ...alpine.source,
      release: RELEASE,
      repositories: ['main'],
      packages: [
        ...['alpine-baselayout', 'busybox', 'busybox-binsh', 'busybox-static', 'openrc'],
        ...['ca-certificates-bundle', 'chrony', 'ncurses-terminfo-base', 'openssl', 'tzdata'],
        ...['dosfstools', 'e2fsprogs', 'e2fsprogs-extra', 'partx', 'sfdisk'],
        ...['iproute2', 'iw', 'wpa_supplicant'],
        ...['openssh-client-default', 'openssh-server', 'openssh-sftp-server'],
        'nodejs',
      ],
      without: {},
      scripts: alpine.scripts,
      drop: {
        ...alpine.drop,
        ...alpine.programs(['e2scrub', 'e2scrub_all'], 'runs in bash, which is not at hand'),
      },
      links: alpine.links,
      accept: Object.fromEntries(LENT.map((path) => [path, 'runs with the C library of Debian'])),
      overlays: [],
      architectures: {
        x86_64: {
          kernel: { virt: 'linux-virt', full: 'linux-virt' },
          grub: ['grub-bios', 'grub-efi'],
          keys: alpine.architectures.x86_64.keys,
        },
      },
    },
  },
  runlevels: {
    ...quantixOs.runlevels,
    boot: quantixOs.runlevels.boot?.filter((name) => !services.has(name)),
    default: quantixOs.runlevels.default?.filter((name) => !services.has(name)),
  },
  setuid: {},
};
