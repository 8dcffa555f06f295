import { type Files, inside } from './root-folder.ts';

const DISK = 'sys/devices/pci0000:00/0000:00:04.0/virtio1';
const CARD = 'sys/devices/pci0000:00/0000:00:03.0/virtio0';
const QEMU = 'sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0';
const RADIO = 'sys/devices/pci0000:00/0000:00:05.0';

/**
 * A virtual machine with QEMU's virtio and SATA disks, a virtio network card, and a WiFi card that is passed through.
 */
export const GUEST: Files = {
  'etc/os-release': 'NAME=QvDC\nVERSION_ID=0.1.0\n',
  'proc/sys/kernel/hostname': 'qvdc\n',
  'proc/uptime': '12.04 20.11\n',
  'proc/loadavg': '0.00 0.01 0.05 1/90 812\n',
  'proc/meminfo': 'MemTotal:        1014716 kB\nMemAvailable:     700000 kB\n',
  'proc/stat': 'cpu  0 0 0 100 0 0 0 0 0 0\n',
  'proc/cpuinfo':
    'processor\t: 0\nmodel name\t: QEMU TCG CPU version 2.5+\ncpu MHz\t\t: 2595.124\nflags\t\t: fpu svm hypervisor\n\n',
  'sys/devices/system/cpu/cpu0/topology/physical_package_id': '0\n',
  'sys/devices/system/cpu/cpu0/topology/core_id': '0\n',
  ...inside(DISK, {
    vendor: '0x1af4\n',
    subsystem: '-> ../../../../bus/virtio',
    'block/vda/device': '-> ../../../virtio1',
    'block/vda/size': '33554432\n',
    'block/vda/serial': 'QX-DISK-1',
    'block/vda/removable': '0\n',
    'block/vda/queue/rotational': '1\n',
  }),
  'sys/block/vda': `-> ../${DISK.slice(4)}/block/vda`,
  ...inside(QEMU, {
    type: '0\n',
    vendor: 'ATA     \n',
    model: 'QEMU HARDDISK   \n',
    wwid: 't10.ATA     QEMU HARDDISK                           QM00001             \n',
    'block/sda/device': '-> ../../../0:0:0:0',
    'block/sda/size': '2048\n',
    'block/sda/queue/rotational': '1\n',
  }),
  'sys/block/sda': `-> ../${QEMU.slice(4)}/block/sda`,
  ...inside(CARD, {
    driver: '-> ../../../../bus/virtio/drivers/virtio_net',
    'net/eth0/device': '-> ../../../virtio0',
    'net/eth0/address': '52:54:00:12:34:56\n',
    'net/eth0/mtu': '1500\n',
    'net/eth0/speed': '-1\n',
    'net/eth0/type': '1\n',
  }),
  'sys/class/net/eth0': `-> ../../${CARD.slice(4)}/net/eth0`,
  ...inside(RADIO, {
    driver: '-> ../../../bus/pci/drivers/iwlwifi',
    'net/wlan0/device': '-> ../../../0000:00:05.0',
    'net/wlan0/phy80211': '-> ../../ieee80211/phy0',
    'net/wlan0/address': '94:e6:f7:00:00:01\n',
    'net/wlan0/mtu': '1500\n',
    'net/wlan0/type': '1\n',
  }),
  'sys/class/net/wlan0': `-> ../../${RADIO.slice(4)}/net/wlan0`,
};
