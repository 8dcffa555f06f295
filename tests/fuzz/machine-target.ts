import { z } from 'zod';
import { wearSchema } from '../../apps/api/hardware.ts';
import { hostSchema } from '../../apps/api/host.ts';
import { computeCpuUsage, parseCpuTimes } from '../../apps/host/cpu-usage.ts';
import { parseCpuInfo } from '../../apps/host/cpuinfo.ts';
import { parseUnitSerial } from '../../apps/host/disk-serial.ts';
import { parseMounts } from '../../apps/host/mounts.ts';
import { parseOsRelease } from '../../apps/host/os-release.ts';
import { parseSmart } from '../../apps/host/smart.ts';
import { parseLoadAverage, parseMemory, parseUptime } from '../../apps/host/vitals.ts';
import { parseDefaultRoutes, parseDefaultRoutes6 } from '../../apps/network/default-routes.ts';
import { parseScan } from '../../apps/network/scan.ts';
import { findCandidates } from '../../apps/storage/candidates.ts';
import { describeContents } from '../../apps/storage/contents.ts';
import { parseCovered } from '../../apps/storage/mounting.ts';
import { parseFileSystem } from '../../apps/storage/superblock.ts';
import { parseSystemError } from '../../apps/storage/system-error.ts';
import { determineVolumeFormat } from '../../apps/storage/volume-format.ts';
import { parseFiles } from '../../apps/storage/volumes.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

/** Texts of the kernel and the disks of a machine, shortened. */
const TOLD = {
  stat: 'cpu  100 0 50 800 50 0 0 0 30 0\ncpu0 1 2 3 4\n',
  cpuinfo: 'processor\t: 0\nmodel name\t: A  B\ncpu MHz\t\t: 2595.1\nflags\t\t: fpu vmx\n\n',
  meminfo: 'MemTotal: 10 kB\nMemAvailable: 5 kB\nHugePages_Total: 3\nHugepagesize: 2048 kB\n',
  uptime: '12.04 20.11\n',
  load: '0.00 0.01 0.05 1/90 812\n',
  release: 'NAME="a \\"b"\nVERSION_ID=\'1\'\n',
  mounts:
    '1 0 8:1 /sub\\040dir /mnt/a rw,x shared:1 - xfs /dev/a rw\n2 0 0:9 / /n rw - nfs4 s:/e/ rw\n',
  routes:
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t01\t0003\t0\t0\t7\t00000000\n',
  scan: '-40\tWPA2\tHome\n-60\topen\tHome\n',
  serial: '\0\x80\0\x04ABCD',
  covers:
    '3 1 0:9 / /pools/a\\040b ro - tmpfs quantix-unmounted ro\n4 3 8:1 / /pools/a rw - ext4 /dev/a rw\n',
  files: 'T 10 8 5.1 6 /p/a.raw\nT 1 8 5 6 /p/b\nc\n',
  complaint: "find: '/p': Input/output error",
  smart:
    '{"smart_status":{"passed":true},"temperature":{"current":31},"power_on_time":{"hours":9}}',
  superblock: `XFSB${'\0'.repeat(28)}${'\x11'.repeat(16)}`,
  image: `QFI\xfb\0\0\0\x03${'\0'.repeat(20)}\0\x10\0\0`,
} as const;

/** The expected shape of each parser's result, for any input. */
const vitals = hostSchema.pick({ uptime: true, load: true, memory: true, cpuUsage: true });
const texts = z.array(z.string());

/**
 * Files of /proc and /sys, first bytes of disks and images: their parsers refuse nothing, and skip what they cannot
 * parse.
 */
export const machine: Target = {
  name: 'machine',
  once(random) {
    const bytes = (name: keyof typeof TOLD) => mutated(TOLD[name], random);
    const text = (name: keyof typeof TOLD) => bytes(name).toString('utf8');
    vitals.parse({
      uptime: parseUptime(text('uptime')),
      load: parseLoadAverage(text('load')),
      memory: parseMemory(text('meminfo')),
      cpuUsage: computeCpuUsage(parseCpuTimes(text('stat')), parseCpuTimes(text('stat'))),
    });
    z.number()
      .nullable()
      .parse(parseCpuInfo(text('cpuinfo')).frequency);
    texts.parse([...parseOsRelease(text('release')).values()]);
    texts.parse(findCandidates(parseMounts(text('mounts')), []).map(({ name }) => name));
    texts.parse(parseCovered(text('covers')));
    z.array(z.int().nonnegative()).parse(
      parseFiles(text('files'), { folder: '/p', token: 'T' }).map(({ size }) => size),
    );
    wearSchema.parse(parseSmart(text('smart')));
    z.string().parse(parseSystemError(text('complaint')).code);
    z.string()
      .nullable()
      .parse(describeContents(bytes('superblock'), []));
    z.array(z.number()).parse(parseDefaultRoutes(text('routes')).map(({ metric }) => metric));
    z.array(z.number()).parse(parseDefaultRoutes6(text('routes')).map(({ metric }) => metric));
    z.array(z.number()).parse(parseScan(text('scan')).map(({ signal }) => signal));
    z.string()
      .nullable()
      .parse(parseUnitSerial(bytes('serial')));
    z.guid()
      .nullable()
      .parse(parseFileSystem(bytes('superblock'))?.uuid ?? null);
    z.int()
      .nonnegative()
      .parse(
        determineVolumeFormat({
          name: 'a',
          size: 7,
          head: bytes('image'),
          descriptor: bytes('serial'),
        }).capacity,
      );
  },
};

function mutated(told: string, random: Random): Buffer {
  return mutate(Buffer.from(told, 'latin1'), random);
}
