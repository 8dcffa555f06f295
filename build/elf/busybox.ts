import { BuildError } from '../error.ts';

/** What busybox calls an applet. */
const APPLET = /^[a-z0-9_.[-]+$/;
/** An applet of every busybox, to find the table by. */
const ANCHOR = Buffer.from('\0cat\0');
/** A table shorter than this is something else. */
const FEWEST = 10;
/** Longest name of an applet that is believed, bytes. */
const LONGEST_NAME = 64;

/**
 * The applets a busybox binary was built with, without running it: busybox keeps their names in byte order, each
 * ended by a NUL (`applet_names` of its `include/applet_tables.h`, made by `applets/applet_tables.c`).
 * @param bytes the whole binary
 * @throws BuildError if it has no such table
 */
export function busyboxApplets(bytes: Uint8Array): string[] {
  const binary = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let longest: string[] = [];
  for (let at = binary.indexOf(ANCHOR); at >= 0; at = binary.indexOf(ANCHOR, at + 1)) {
    const table = [...namesBefore(binary, at), ...namesFrom(binary, at + 1)];
    if (table.length > longest.length) longest = table;
  }
  if (longest.length >= FEWEST) return longest;
  throw new BuildError({
    what: 'the busybox binary has no table of applets',
    fix: 'Check that the package holds a real busybox.',
  });
}

/** Names in ascending order from `start` on. */
function namesFrom(binary: Buffer, start: number): string[] {
  const names: string[] = [];
  for (let from = start, last = ''; ; ) {
    const end = binary.indexOf(0, from);
    if (end < 0 || end - from > LONGEST_NAME) return names;
    const name = binary.toString('latin1', from, end);
    if (!APPLET.test(name) || name <= last) return names;
    names.push(name);
    last = name;
    from = end + 1;
  }
}

/** Names in ascending order that end right before the NUL at `stop`. */
function namesBefore(binary: Buffer, stop: number): string[] {
  const names: string[] = [];
  for (let end = stop, next = 'cat'; end > 0; ) {
    const start = binary.lastIndexOf(0, end - 1) + 1;
    if (end - start > LONGEST_NAME) break;
    const name = binary.toString('latin1', start, end);
    if (!APPLET.test(name) || name >= next) break;
    names.push(name);
    next = name;
    end = start - 1;
  }
  return names.reverse();
}
