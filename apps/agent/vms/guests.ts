import { appendFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readMaintenance } from '../../guests/maintenance.ts';
import { cutShort, GUEST_PLACES, type GuestPlaces } from '../../guests/places.ts';
import { startGuests } from '../../guests/start.ts';
import { stopGuests } from '../../guests/stop.ts';
import { LibvirtError } from '../../libvirt/error.ts';
import { SYSTEM_URI } from '../../libvirt/virsh.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { poolDeclarationsSchema } from '../../storage/declaration.ts';
import { readNodeConfig } from '../configuration/node-config.ts';

/** The kernel's log, whose warnings appear on the consoles. */
const KERNEL_LOG = '/dev/kmsg';
const CONFIGURATION = '/quantix/node/node.yaml';

/** What the service `quantix-guests` uses on an appliance. */
const SETUP: GuestSetup = { places: GUEST_PLACES, uri: SYSTEM_URI, configuration: CONFIGURATION };

/** Where guests and their settings are found. */
export interface GuestSetup {
  places: GuestPlaces;
  /** Connection URI of libvirt. */
  uri: string;
  /** Path of `node.yaml`. */
  configuration: string;
  /** Folder that contains `run`; `/` if absent. */
  root?: string;
}

/**
 * Starts or stops the guests of this host, at its boot and shutdown.
 * @returns exit status: 1 if a guest did not start or was powered off, or libvirt does not answer
 */
export async function runGuests(
  verb: 'start' | 'stop' | 'cut-short',
  signal: AbortSignal,
  { places, uri, configuration, root = '/' }: GuestSetup = SETUP,
): Promise<number> {
  if (verb === 'cut-short') {
    await cutShort(places);
    return 0;
  }
  const libvirt = { uri, signal };
  const { config } = await readNodeConfig(configuration, poolDeclarationsSchema);
  const said: Promise<void>[] = [];
  const say = (line: string) => {
    process.stdout.write(`${line}\n`);
    if (verb === 'stop') said.push(logToKernel(line));
  };
  try {
    if (verb === 'start') {
      // The service has removed `places.stopping` of an earlier stop. One that is there now is of a stop that has begun.
      const { on, reason } = await readMaintenance(dirname(configuration), root);
      if (on) {
        const why = reason === null ? '' : ` (${reason})`;
        say(`the host is in maintenance${why}: no virtual machine is started`);
        return 0;
      }
      return exitStatus(await startGuests({ libvirt, places, settings: config.guests, say }));
    }
    const { stopWithin: within } = config.guests;
    return exitStatus(await stopGuests({ libvirt, places, within, say }));
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    say(`guests cannot be told to ${verb}: ${error.message}`);
    return 1;
  } finally {
    await Promise.all(said);
  }
}

const exitStatus = (left: readonly string[]) => (left.length === 0 ? 0 : 1);

async function logToKernel(line: string): Promise<void> {
  try {
    await appendFile(KERNEL_LOG, `<4>quantix: ${line}\n`);
  } catch (error) {
    // The program does not run on an appliance, or not as root.
    if (!['EACCES', 'EPERM', 'ENOENT'].includes(getErrorCode(error) ?? '')) throw error;
  }
}
