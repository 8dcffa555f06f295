/** How both appliances boot. */
import { drivers } from './drivers.ts';
import { drop } from './kernel-drop.ts';

/** Messages go to the screen and to the first serial port; the last one named becomes `/dev/console`. */
export const cmdline = ['console=tty0', 'console=ttyS0,115200', 'loglevel=5', 'panic=30'];

/** Modules that the initramfs mounts the medium with; drivers of disks are in `drivers.ts`. */
export const initramfs = {
  modules: ['loop', 'isofs', 'ext4', 'vfat', 'nls_cp437', 'nls_ascii', 'squashfs', 'overlay'],
};

export const kernel = { drivers, drop };

export const runlevels = {
  sysinit: ['devfs', 'sysfs', 'mdev'],
  boot: [
    'hwdrivers',
    'modules',
    'sysctl',
    'hostname',
    'loopback',
    'localmount',
    'bootmisc',
    'syslog',
    'quantix-network',
    'quantix-password',
    'quantix-ssh',
  ],
  shutdown: ['killprocs', 'mount-ro'],
};
