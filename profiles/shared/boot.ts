/** How both appliances boot. */
import { drivers } from './drivers.ts';
import { drop } from './kernel-drop.ts';

export const cmdline = ['loglevel=5', 'panic=30'];

/** Modules for mounting the medium; drivers of disks are in `drivers.ts`. */
export const initramfs = {
  modules: [
    ...['loop', 'dm-verity', 'isofs', 'ext4', 'vfat', 'nls_cp437', 'nls_ascii'],
    ...['squashfs', 'overlay'],
  ],
};

export const kernel = { drivers, drop };

/** Services in `boot` run during installation too; services in a profile's `default` do not. */
export const runlevels = {
  sysinit: ['devfs', 'sysfs', 'mdev'],
  boot: [
    'hwdrivers',
    'modules',
    'sysctl',
    'watchdog',
    'hostname',
    'loopback',
    'localmount',
    'quantix-data',
    'bootmisc',
    'syslog',
    'syslog-files',
    'quantix-update',
    'quantix-firewall',
    'quantix-network',
    'quantix-password',
    'quantix-ssh',
    'acpid',
    'chronyd',
  ],
  shutdown: ['killprocs', 'mount-ro'],
};
