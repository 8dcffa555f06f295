/** How both appliances boot. */

export const cmdline = ['loglevel=5', 'panic=30'];

/** Modules that find and mount the medium: disks and CDs behind every usual controller, and file systems. */
const modules = {
  common: [
    'virtio_pci',
    'virtio_blk',
    'virtio_scsi',
    'ata_piix',
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
  ],
  virt: [],
  full: [
    'ahci',
    'nvme',
    'xhci_pci',
    'ehci_pci',
    'ohci_pci',
    'uhci_hcd',
    'usb_storage',
    'uas',
    'usbhid',
    'hid_generic',
    'mmc_block',
    'sdhci_pci',
    'megaraid_sas',
    'mpt3sas',
    'hpsa',
    'vmd',
  ],
};

const INTEL = 'drives a part of PCs that no machine with this CPU has';

export const initramfs = {
  modules,
  without: { arm64: { uhci_hcd: INTEL, vmd: INTEL } },
};

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
