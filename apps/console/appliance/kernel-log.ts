/** Highest level of a kernel message that is shown as a warning: KERN_WARNING, of 0 (emergency) to 7 (debug). */
const WARNING = 4;

/** Mask of the level in a message's priority; the other bits are its facility (syslog(3)). */
const LEVEL_BITS = 7;

/** A message of the kernel. */
export interface KernelMessage {
  level: number;
  /** The text with its time in brackets. */
  text: string;
}

/**
 * Parses the output of `dmesg -r`: `<4>[ 1.234567] text`. A line without a priority has the priority of the previous
 * line.
 */
export function parseKernelLog(text: string): KernelMessage[] {
  const messages: KernelMessage[] = [];
  let level = WARNING;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [whole = '', priority] = /^<(\d{1,3})>/.exec(line) ?? [];
    if (priority !== undefined) level = Number(priority) & LEVEL_BITS;
    messages.push({ level, text: line.slice(whole.length) });
  }
  return messages;
}

/** Selects messages that are warnings, errors or worse. */
export function selectWarnings(messages: readonly KernelMessage[]): KernelMessage[] {
  return messages.filter(({ level }) => level <= WARNING);
}
