/** A pattern of console lines that indicate a problem. */
export interface BadLine {
  /** The problem. */
  sign: string;
  line: string;
  /** Whether the boot cannot succeed after this line, so that waiting is pointless. */
  fatal: boolean;
}

interface Sign {
  sign: string;
  pattern: RegExp;
  fatal?: true;
}

const SIGNS: readonly Sign[] = [
  { sign: 'kernel panic', pattern: /Kernel panic - not syncing/, fatal: true },
  // This comes before kernel bugs, because the kernel also calls a soft lockup a bug, and a slow guest survives one.
  { sign: 'hung task', pattern: /blocked for more than \d+ seconds|soft lockup/ },
  { sign: 'kernel bug', pattern: /\bkernel BUG at\b|\bBUG: /, fatal: true },
  { sign: 'kernel oops', pattern: /\bOops: |general protection fault/, fatal: true },
  { sign: 'call trace', pattern: /\bCall Trace:/ },
  { sign: 'no root', pattern: /VFS: (?:Unable to mount root|Cannot open root)/, fatal: true },
  { sign: 'out of memory', pattern: /Out of memory: Killed process|oom-kill:/ },
  { sign: 'I/O error', pattern: /\bI\/O error\b/ },
  { sign: 'file system error', pattern: /SQUASHFS error|EXT4-fs error|XFS .*[Cc]orruption/ },
  { sign: 'segmentation fault', pattern: /\bsegfault at\b|traps: .* trap/ },
  { sign: 'start of the appliance', pattern: /[a-z0-9-]: cannot start: /, fatal: true },
  { sign: 'respawn', pattern: /respawning too fast|process .* \(pid \d+\) exited\. Scheduling/ },
  { sign: 'emergency shell', pattern: /emergency shell|can't access tty; job control/i },
  { sign: 'service failed', pattern: /ERROR: \S+ failed to start|ERROR: cannot start/ },
  { sign: 'service crashed', pattern: /has (?:crashed|started, but is inactive)/ },
  { sign: 'missing program', pattern: /: not found$|can't (?:open|execute) '/ },
  { sign: 'GRUB', pattern: /^error: (?:no such device|file `|unknown filesystem|alloc magic)/ },
  { sign: 'GRUB has no menu', pattern: /^grub(?: rescue)?> $/, fatal: true },
  {
    sign: 'no bootable device',
    pattern: /No bootable device|BdsDxe: No bootable option/,
    fatal: true,
  },
];

/** Finds bad lines in a guest's output. */
export function findBadLines(text: string): BadLine[] {
  return text.split('\n').flatMap((line) => {
    const sign = SIGNS.find(({ pattern }) => pattern.test(line));
    return sign === undefined ? [] : [{ sign: sign.sign, line, fatal: sign.fatal === true }];
  });
}
