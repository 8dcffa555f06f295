import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';
import { LibvirtError } from './error.ts';

/** The hypervisor of an appliance. */
export const SYSTEM_URI = 'qemu:///system';

/** Milliseconds that libvirt has to answer. */
const TIME_LIMIT = 30_000;

/** Which libvirt, and when to stop asking it. */
export interface Libvirt {
  /** Connection URI (https://libvirt.org/uri.html), such as {@link SYSTEM_URI}. */
  uri: string;
  signal?: AbortSignal | undefined;
}

/**
 * Runs one command of virsh(1) with its arguments, or several in one string, separated by semicolons.
 * @param timeout milliseconds that libvirt has to answer
 * @returns its output, of which virsh's comments are no part
 * @throws LibvirtError with libvirt's own words: `unavailable`, `not-found`, else `refused`
 */
export async function virsh(
  libvirt: Libvirt,
  command: readonly string[],
  timeout = TIME_LIMIT,
): Promise<string> {
  return await loudVirsh(libvirt, ['--quiet', ...command], timeout);
}

/** Runs virsh(1) like {@link virsh}, and returns its comments too. */
export async function loudVirsh(
  { uri, signal }: Libvirt,
  args: readonly string[],
  timeout = TIME_LIMIT,
): Promise<string> {
  try {
    return await run('virsh', ['--connect', uri, ...args], { timeout, signal });
  } catch (error) {
    throw error instanceof CommandError ? libvirtError(error) : error;
  }
}

/** What went wrong, from how virsh ended and what it wrote to standard error. */
export function libvirtError(error: CommandError): LibvirtError {
  if (error.failure === 'missing') {
    return new LibvirtError('unavailable', 'libvirt is not installed: there is no virsh', error);
  }
  if (error.failure === 'timeout') {
    return new LibvirtError('unavailable', `libvirt does not answer: ${error.message}`, error);
  }
  const words = wordsOf(error.stderr);
  const [, socket] =
    /connect socket to '(.*)': (?:No such file or directory|Connection refused)/.exec(words) ?? [];
  if (socket !== undefined) {
    const message = `libvirt is not running: nothing listens on ${socket}`;
    return new LibvirtError('unavailable', message, error);
  }
  if (/^(?:failed to connect to|Disconnected from) |client socket is closed/.test(words)) {
    return new LibvirtError('unavailable', `libvirt cannot be reached: ${words}`, error);
  }
  if (/^failed to get domain |Domain not found/.test(words)) {
    return new LibvirtError('not-found', 'there is no VM of this UUID', error);
  }
  return new LibvirtError('refused', words === '' ? error.message : words, error);
}

/**
 * Libvirt's errors in one line: virsh(1) says first what it could not do, then why. Quotations of XML that follow are
 * left out.
 */
function wordsOf(stderr: string): string {
  const errors = [...stderr.matchAll(/^error: (.*)$/gm)].map(([, words = '']) => words.trim());
  return errors.join(': ');
}
