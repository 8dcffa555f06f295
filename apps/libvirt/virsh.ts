import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';
import { LibvirtError } from './error.ts';

/** Connection URI of an appliance's hypervisor. */
export const SYSTEM_URI = 'qemu:///system';

/** Milliseconds that libvirt has to answer. */
const TIME_LIMIT = 30_000;

/** A connection to libvirt. */
export interface Libvirt {
  /** Connection URI (https://libvirt.org/uri.html), such as {@link SYSTEM_URI}. */
  uri: string;
  signal?: AbortSignal | undefined;
}

/**
 * Runs one command of virsh(1) with its arguments, or several commands in one string, separated by semicolons.
 * @param timeout milliseconds that libvirt has to answer
 * @returns its output, without virsh's comments
 * @throws LibvirtError with libvirt's message: `unavailable`, `not-found`, otherwise `refused`
 */
export async function runVirsh(
  libvirt: Libvirt,
  command: readonly string[],
  timeout = TIME_LIMIT,
): Promise<string> {
  return await runVirshWithComments(libvirt, ['--quiet', ...command], timeout);
}

/** Runs virsh(1) like {@link runVirsh}, and returns its comments too. */
export async function runVirshWithComments(
  { uri, signal }: Libvirt,
  args: readonly string[],
  timeout = TIME_LIMIT,
): Promise<string> {
  try {
    return await run('virsh', ['--connect', uri, ...args], { timeout, signal });
  } catch (error) {
    throw error instanceof CommandError ? explainLibvirtFailure(error) : error;
  }
}

/** Turns the failure of a virsh run into a LibvirtError, by its kind and its standard error. */
export function explainLibvirtFailure(error: CommandError): LibvirtError {
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
 * Joins libvirt's errors in one line: virsh(1) first says what failed, then why. Quotations of XML after an error are
 * left out.
 */
function wordsOf(stderr: string): string {
  const errors = [...stderr.matchAll(/^error: (.*)$/gm)].map(([, words = '']) => words.trim());
  return errors.join(': ');
}
