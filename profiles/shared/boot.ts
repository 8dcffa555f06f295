/** How both appliances boot. */

/** Messages go to the screen and to the first serial port; the last one named becomes `/dev/console`. */
export const cmdline = ['console=tty0', 'console=ttyS0,115200', 'loglevel=4', 'panic=30'];

/** Modules that find and mount the medium: disks and CDs behind every usual controller, and file systems. */
export const initramfsModules = [
  'virtio_pci',
  'virtio_blk',
  'virtio_scsi',
  'ahci',
  'ata_piix',
  'nvme',
  'sd_mod',
  'sr_mod',
  'loop',
  'isofs',
  'ext4',
  'vfat',
  'nls_cp437',
  'nls_ascii',
  'squashfs',
  'overlay',
];

export const runlevels = {
  sysinit: ['devfs', 'dmesg', 'mdev', 'hwdrivers'],
  boot: ['modules', 'sysctl', 'hostname', 'bootmisc', 'localmount', 'syslog'],
  shutdown: ['mount-ro', 'killprocs'],
};
