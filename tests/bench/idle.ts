import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Guest } from '../../build/qemu/guest.ts';
import { awaitShell, openShell } from '../../build/qemu/shell.ts';
import { type Figure, secondsOf } from './measure.ts';

/** Seconds of the measurement of idle programs. */
const SPAN = 60;
/** Clock ticks a second of /proc/PID/stat (proc(5)), the same on every x86. */
const TICKS = 100;

/** Sums the ticks of the agent and of the console on the screen; then the agent's memory, kB. */
const LOOK = `set -- $(pgrep -o -f '^/usr/sbin/qx-node run') $(pgrep -o -f '^/usr/sbin/qx-console')
ticks=$(cat /proc/$1/stat /proc/$2/stat | awk '{ n += $14 + $15 } END { print n }')
echo "[$ticks $(awk '/^VmRSS/ { print $2 }' /proc/$1/status)]"`;

/** Work of about 0.2 s on a real processor, to measure how much slower an emulated one is. */
const WORK = "busybox awk 'BEGIN { while (i < 2000000) s += i++ }'";

/**
 * Measures the memory and processor time of an idle agent and console of Quantix-OS. The guest's
 * core is emulated; its share is divided by its slowness for the same work.
 */
export async function measureIdle(iso: string): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const medium = { as: 'cdrom', image: iso } as const;
    const options = { acceleration: 'tcg', log: join(directory, 'serial.log') } as const;
    await using guest = await Guest.start({ firmware: 'bios', medium }, options);
    await openShell(guest);
    await awaitShell(guest);
    const command = LOOK.replaceAll('\n', '; ');
    guest.type(`sleep ${SPAN}; ${command}; sleep ${SPAN}; ${command}`);
    const [, before, , after, memory] = await guest.waitFor(/^\[(\d+) (\d+)\]\n\[(\d+) (\d+)\]$/m);
    const emulated = (Number(after) - Number(before)) / TICKS / SPAN;
    const slower =
      (await secondsInGuest(guest)) / (await secondsOf(() => execa('sh', ['-c', WORK])));
    const note = `${(emulated * 100).toFixed(1)} % of an emulated core, ${slower.toFixed(0)} times slower`;
    return [
      { what: 'qx-node: resident memory', value: Number(memory) / 1000, limit: 70, unit: 'MB' },
      {
        what: 'qx-node and qx-console, idle',
        value: (emulated / slower) * 100,
        limit: 1,
        unit: '%',
        note,
      },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Measures the seconds of the work in the guest, by the guest's clock. */
async function secondsInGuest(guest: Guest): Promise<number> {
  const from = guest.mark;
  guest.type(`a=$(cut -d' ' -f1 /proc/uptime); ${WORK}; echo "<$a $(cut -d' ' -f1 /proc/uptime)>"`);
  const [, began, ended] = await guest.waitFor(/<([\d.]+) ([\d.]+)>\n/, from);
  return Number(ended) - Number(began);
}
