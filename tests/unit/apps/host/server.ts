import { type Files, inside } from './root-folder.ts';

/** A thread of a machine with 2 sockets, 8 cores and 16 threads, which are numbered as by Intel's firmware. */
function thread(cpu: number): Files {
  const [socket, core] = [Math.floor((cpu % 8) / 4), cpu % 4];
  return inside(`sys/devices/system/cpu/cpu${cpu}`, {
    'topology/physical_package_id': `${socket}\n`,
    'topology/core_id': `${core * 4}\n`,
    'cpufreq/cpuinfo_max_freq': '3900000\n',
  });
}

function cpuinfo(cpu: number): string {
  return `processor\t: ${cpu}
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R)  Gold 5122 CPU @ 3.60GHz
cpu MHz\t\t: ${1200 + cpu}.003
physical id\t: ${Math.floor((cpu % 8) / 4)}
siblings\t: 8
core id\t\t: ${(cpu % 4) * 4}
cpu cores\t: 4
flags\t\t: fpu vme de pse tsc msr pae lm vmx smx est ssse3 sse4_1 avx512f
vmx flags\t: vnmi preemption_timer ept vpid
bogomips\t: 7200.00

`;
}

const threads = Array.from({ length: 16 }, (_, cpu) => cpu);

/** The VPD page 0x80 of a SAS disk, which contains its serial number. */
const UNIT_SERIAL = Buffer.concat([Buffer.from([0, 0x80, 0, 8]), Buffer.from('WFK1A2B3')]);

const NVME = 'sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0/nvme/nvme0';
const SAS = 'sys/devices/pci0000:17/0000:18:00.0/host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0';
const USB = 'sys/devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/host7/target7:0:0/7:0:0:0';
const CD = 'sys/devices/pci0000:00/0000:00:17.0/ata1/host1/target1:0:0/1:0:0:0';
const CARDS = 'sys/devices/pci0000:64/0000:64:00.0';

/** One of two cards that are in a bond. */
function card(name: string, number: number): Files {
  const folder = `${CARDS}/0000:65:00.${number}`;
  return {
    ...inside(`${folder}/net/${name}`, {
      address: '3c:fd:fe:aa:00:10\n',
      'bonding_slave/perm_hwaddr': `3c:fd:fe:aa:00:1${number}\n`,
      device: `-> ../../../0000:65:00.${number}`,
      mtu: '9000\n',
      speed: number === 0 ? '10000\n' : '-1\n',
      type: '1\n',
    }),
    [`${folder}/driver`]: '-> ../../../../bus/pci/drivers/i40e',
    [`sys/class/net/${name}`]: `-> ../../${folder.slice(4)}/net/${name}`,
  };
}

/** A server with two sockets, an NVMe and a SAS disk, a USB stick, a bridge, and two network cards in a bond. */
export const SERVER: Files = {
  'etc/os-release':
    'NAME="Quantix-OS"\nID=quantix\nVERSION_ID="0.1.0"\nQUANTIX_BASE="alpine"\nPRETTY_NAME=\'Q "1"\'\n',
  'proc/sys/kernel/hostname': 'rack4-node2\n',
  'proc/uptime': '350735.47 5509174.21\n',
  'proc/loadavg': '0.52 1.25 11.04 3/1412 90210\n',
  'proc/meminfo': `MemTotal:       196608000 kB
MemFree:         1000000 kB
MemAvailable:   98304000 kB
HugePages_Total:    1024
HugePages_Free:     1000
Hugepagesize:       2048 kB
Hugetlb:         2097152 kB
`,
  'proc/stat': 'cpu  100 0 50 800 50 0 0 0 30 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 1 2 3\n',
  'proc/cpuinfo': threads.map(cpuinfo).join(''),
  ...Object.assign({}, ...threads.map(thread)),
  'sys/devices/system/cpu/cpufreq/': '',
  'dev/kvm': '',
  ...inside(`${NVME}/nvme0n1`, {
    device: '-> ../../nvme0',
    size: '7501476528\n',
    removable: '0\n',
    ro: '0\n',
    'queue/rotational': '0\n',
    wwid: 'eui.36344730529111110025385800000001\n',
  }),
  ...inside(NVME, {
    model: 'SAMSUNG MZQL23T8HCLS-00A07              \n',
    serial: 'S64GNE0R911111      \n',
  }),
  'sys/block/nvme0n1': `-> ../${NVME.slice(4)}/nvme0n1`,
  'sys/block/nvme0c0n1': `-> ../${NVME.slice(4)}/nvme0c0n1`,
  ...inside(`${NVME}/nvme0c0n1`, { device: '-> ../../nvme0', size: '7501476528\n', hidden: '1\n' }),
  ...inside(SAS, {
    type: '0\n',
    vendor: 'SEAGATE \n',
    model: 'ST1200MM0009    \n',
    vpd_pg80: UNIT_SERIAL,
    wwid: 'naa.5000c500a1b2c3d4\n',
    'block/sda/device': '-> ../../../0:0:0:0',
    'block/sda/size': '2344225968\n',
    'block/sda/removable': '0\n',
    'block/sda/ro': '1\n',
    'block/sda/queue/rotational': '1\n',
  }),
  'sys/block/sda': `-> ../${SAS.slice(4)}/block/sda`,
  ...inside(USB, {
    type: '0\n',
    vendor: 'Kingston\n',
    model: 'DataTraveler 3.0\n',
    'block/sdb/device': '-> ../../../7:0:0:0',
    'block/sdb/size': '30277632\n',
    'block/sdb/removable': '0\n',
    'block/sdb/queue/rotational': '1\n',
  }),
  'sys/block/sdb': `-> ../${USB.slice(4)}/block/sdb`,
  ...inside(CD, {
    type: '5\n',
    model: 'DVD-ROM DU-8D5LH\n',
    'block/sr0/device': '-> ../../../1:0:0:0',
    'block/sr0/size': '2097151\n',
    'block/sr0/removable': '1\n',
  }),
  'sys/block/sr0': `-> ../${CD.slice(4)}/block/sr0`,
  'sys/block/loop0/size': '81920\n',
  'sys/block/zram0/size': '8192\n',
  'sys/block/dm-0/size': '2344223744\n',
  'sys/block/dm-0/dm/name': 'vg0-root\n',
  'sys/block/md127/size': '7501476528\n',
  ...card('ens1f0', 0),
  ...card('ens1f1', 1),
  'sys/class/net/bonding_masters': 'bond0\n',
  'sys/class/net/bond0/bonding/mode': '802.3ad 4\n',
  'sys/class/net/bond0/type': '1\n',
  'sys/class/net/br0/bridge/bridge_id': '8000.3cfdfeaa0010\n',
  'sys/class/net/br0/type': '1\n',
  'sys/class/net/lo/type': '772\n',
};
