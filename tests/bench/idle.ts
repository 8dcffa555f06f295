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

/** Virtual machines that are defined. */
const GUESTS = 50;

/** Defines the virtual machines, and waits until the agent has noticed each. */
const DEFINE = `seq ${GUESTS} | while read n
do echo "<domain type='qemu'><name>vm-$n</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>" >/tmp/$n.xml
echo define /tmp/$n.xml
done | virsh -q >/dev/null
until [ "$(logread | grep -c 'VM vm-.* new ')" -ge ${GUESTS} ]; do sleep 1; done
echo "[known]"`;

/**
 * Prints the ticks that the agent and the console of the machine's screen used together, and for each of the two its
 * memory and its private memory in kB.
 */
const LOOK = `set -- $(pgrep -o -f '^/usr/sbin/qx-node run') $(pgrep -o -f '^/usr/sbin/qx-console')
ticks=$(cat /proc/$1/stat /proc/$2/stat | awk '{ n += $14 + $15 } END { print n }')
echo "[$ticks $(cat /proc/$1/status /proc/$2/status | awk '/^VmRSS|^RssAnon/ { printf "%s%s", s, $2; s = " " }')]"`;

/** Work of about 0.2 s on a real processor, to measure how much slower an emulated one is. */
const WORK = "busybox awk 'BEGIN { while (i < 2000000) s += i++ }'";

/**
 * Measures the memory and processor time of an idle agent and console of Quantix-OS, on which 50 virtual machines are
 * defined. The guest's core is emulated; so the programs' share of it is divided by the factor by which `WORK` takes
 * longer on it than on this host. Then measures how long another console takes on that core from its start to its first
 * screen.
 */
export async function measureIdle(iso: string): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const medium = { as: 'cdrom', image: iso } as const;
    const options = { acceleration: 'tcg', log: join(directory, 'serial.log') } as const;
    await using guest = await Guest.start({ firmware: 'bios', medium }, options);
    await openShell(guest);
    await awaitShell(guest);
    guest.type(DEFINE.replaceAll('\n', '; '));
    await guest.waitFor(/^\[known\]$/m);
    const command = LOOK.replaceAll('\n', '; ');
    guest.type(`sleep ${SPAN}; ${command}; sleep ${SPAN}; ${command}`);
    const [, before, after, agent, ofAgent, console, ofConsole] = await guest.waitFor(
      /^\[(\d+) [\d ]+\]\n\[(\d+) (\d+) (\d+) (\d+) (\d+)\]$/m,
    );
    const emulated = (Number(after) - Number(before)) / TICKS / SPAN;
    const slower =
      (await secondsInGuest(guest)) / (await secondsOf(() => execa('sh', ['-c', WORK])));
    const note = `${(emulated * 100).toFixed(1)} % of an emulated core, ${slower.toFixed(0)} times slower`;
    const from = guest.mark;
    const drawing = await secondsOf(async () => {
      guest.type('qx-console');
      await guest.waitFor(/8 Shell/, from);
    });
    const known = `${GUESTS} virtual machines defined`;
    return [
      {
        what: 'qx-node: resident memory',
        value: megabytes(agent),
        limit: 70,
        unit: 'MB',
        note: `${noteOn(ofAgent)}; ${known}`,
      },
      {
        what: 'qx-console: resident memory',
        value: megabytes(console),
        limit: 60,
        unit: 'MB',
        note: noteOn(ofConsole),
      },
      { what: 'qx-console: from start to first screen', value: drawing, limit: 2, unit: 's' },
      {
        what: 'qx-node and qx-console, idle',
        value: (emulated / slower) * 100,
        limit: 1,
        unit: '%',
        note: `${note}; ${known}`,
      },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function megabytes(kilobytes: string | undefined): number {
  return (Number(kilobytes) * 1024) / 1e6;
}

/** Describes a program's private memory. The rest is the pages of the one executable, which all programs share. */
function noteOn(own: string | undefined): string {
  return `${megabytes(own).toFixed(0)} MB its own, the rest of the executable`;
}

/** Measures the seconds of the work in the guest, by the guest's clock. */
async function secondsInGuest(guest: Guest): Promise<number> {
  const from = guest.mark;
  guest.type(`a=$(cut -d' ' -f1 /proc/uptime); ${WORK}; echo "<$a $(cut -d' ' -f1 /proc/uptime)>"`);
  const [, began, ended] = await guest.waitFor(/<([\d.]+) ([\d.]+)>\n/, from);
  return Number(ended) - Number(began);
}
