/**
 * Drivers that an image must have, by kind of machine. Those under `medium` are for the devices that the image is
 * booted from, and are in the initramfs; those under `system` are only in the root filesystem. The audit refuses an
 * image that lacks one.
 */

/** USB keyboards and disks, on virtual machines and on real ones. */
const usb = [
  ...['xhci_pci', 'ehci_pci', 'ohci_pci', 'uhci_hcd', 'usb_storage', 'uas'],
  ...['usbhid', 'hid_generic'],
];

/** For virtual machines; their kernel has no other drivers. */
const virt = {
  QEMU: {
    medium: ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'ata_piix', 'sd_mod', 'sr_mod', 'nvme'],
    system: ['virtio_net', 'virtio_balloon', 'virtio_console', 'virtio_rng'],
  },
};

const full = {
  QEMU: {
    medium: [...virt.QEMU.medium, 'ahci', 'sym53c8xx', ...usb],
    system: [
      ...virt.QEMU.system,
      ...['virtio_gpu', 'virtio_input', 'bochs', 'cirrus', 'qxl', 'e1000', 'e1000e', '8139cp'],
    ],
  },
  VMware: {
    medium: ['ahci', 'ata_piix', 'mptspi', 'mptsas', 'nvme', 'vmw_pvscsi', ...usb],
    system: ['e1000', 'e1000e', 'vmw_balloon', 'vmw_vmci', 'vmwgfx', 'vmxnet3'],
  },
  VirtualBox: {
    medium: ['ahci', 'ata_piix', 'mptsas', 'mptspi', 'nvme', ...usb],
    system: ['e1000', 'vmwgfx', 'vboxvideo'],
  },
  'Hyper-V': {
    medium: ['hv_vmbus', 'hv_storvsc', 'ata_piix', 'sd_mod', 'sr_mod', 'hid_hyperv'],
    system: ['hv_balloon', 'hv_netvsc', 'hv_utils', 'hyperv_drm', 'pci_hyperv'],
  },
  Xen: { medium: ['xen_blkfront'], system: ['xen_netfront'] },
  servers: {
    medium: [
      ...['ahci', 'nvme', 'vmd', 'mmc_block', 'sdhci_pci', 'sd_mod', 'sr_mod', ...usb],
      ...['aacraid', 'hpsa', 'megaraid_sas', 'mpi3mr', 'mpt3sas', 'smartpqi'],
    ],
    system: [
      ...['ast', 'mgag200', 'ipmi_si'],
      ...['bnx2', 'bnx2x', 'bnxt_en', 'tg3'],
      ...['e1000e', 'i40e', 'ice', 'igb', 'igc', 'ixgbe'],
      ...['mlx4_en', 'mlx5_core', 'atlantic', 'be2net', 'cxgb4', 'qede', 'r8169', 'sfc'],
      ...['kvm_amd', 'kvm_intel', 'mac80211_hwsim'],
    ],
  },
};

const PC = 'drives a part of PCs that no machine with this CPU has';
const VMWARE = 'drives a part of virtual machines that exist on PCs only';

/** Drivers that an architecture's kernels lack, each with the reason. */
const without = {
  arm64: {
    kvm_amd: PC,
    kvm_intel: PC,
    mgag200: PC,
    uhci_hcd: PC,
    vmd: PC,
    vboxvideo: VMWARE,
    vmw_balloon: VMWARE,
    vmw_pvscsi: VMWARE,
    vmw_vmci: VMWARE,
  },
};

export const drivers = { virt, full, without };
