/** Level of a kernel message from which on it is worth a look: KERN_WARNING, of 0 (emergency) to 7 (debug). */
const WARNING = 4;

/** Bits of a message's priority that are its level; the others are its facility (syslog(3)). */
const LEVEL_BITS = 7;

/** A message of the kernel. */
export interface KernelMessage {
  level: number;
  /** With the time in brackets. */
  text: string;
}

/** Parses `dmesg -r`: `<4>[    1.234567] text`. A line without a priority belongs to the one before it. */
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

/** Messages that are warnings, errors or worse. */
export function warningsOf(messages: readonly KernelMessage[]): KernelMessage[] {
  return messages.filter(({ level }) => level <= WARNING);
}
