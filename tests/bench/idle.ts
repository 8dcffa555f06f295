import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guest } from '../../build/qemu/guest.ts';
import type { Figure } from './measure.ts';

/** Seconds over which idle programs are looked at. */
const SPAN = 60;
/** Clock ticks a second of /proc/PID/stat (proc(5)), the same on every x86. */
const TICKS = 100;

/** Sums the ticks of the agent and of the console on the screen; then the agent's memory, kB. */
const LOOK = `set -- $(pgrep -o -f '^/usr/sbin/qx-node run') $(pgrep -o -f '^/usr/sbin/qx-console')
ticks=$(cat /proc/$1/stat /proc/$2/stat | awk '{ n += $14 + $15 } END { print n }')
echo "[$ticks $(awk '/^VmRSS/ { print $2 }' /proc/$1/status)]"`;

/** Measures what agent and console of Quantix-OS take while nothing happens: memory, and a core's time under TCG. */
export async function measureIdle(iso: string): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const medium = { as: 'cdrom', image: iso } as const;
    const options = { acceleration: 'tcg', log: join(directory, 'serial.log') } as const;
    await using guest = await Guest.start({ firmware: 'bios', medium }, options);
    await guest.waitFor(/Press Enter to use the console/);
    guest.type('');
    await guest.waitFor(/8 Shell/);
    guest.send('8');
    await guest.waitFor(/~ # /);
    const command = LOOK.replaceAll('\n', '; ');
    guest.type(`sleep ${SPAN}; ${command}; sleep ${SPAN}; ${command}`);
    const [, before, , after, memory] = await guest.waitFor(/^\[(\d+) (\d+)\]\n\[(\d+) (\d+)\]$/m);
    const share = (Number(after) - Number(before)) / TICKS / SPAN;
    return [
      { what: 'qx-node: resident memory', value: Number(memory) / 1000, limit: 70, unit: 'MB' },
      { what: 'qx-node and qx-console, idle', value: share * 100, limit: 1, unit: '%' },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
