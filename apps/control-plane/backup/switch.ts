import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Client } from 'pg';
import * as z from 'zod';
import { messageOf } from '../../error.ts';
import { asDiskError } from '../../files/disk-error.ts';
import { readIfThere, syncFolder, writeDurably } from '../../files/durable-file.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { ControlPlaneError } from '../error.ts';
import { FILE_NAMES, type FileName } from './archive.ts';
import { dropDatabase, endSessions } from './scratch-database.ts';

/**
 * File in the folder of the new files that says what to do. It is written last; once it exists, the switch is carried
 * out, also after a crash.
 */
const ORDER = 'order.json';

/**
 * How often the database's last connections are terminated before the switch fails, and the milliseconds in between.
 */
const TRIES = 20;
const PAUSE = 100;

const orderSchema = z.strictObject({
  /** Names of the restored database, of the present one, and of the present one after it is replaced. */
  restored: z.string(),
  present: z.string(),
  before: z.string(),
  /** Destinations of the files next to the order. */
  places: z.partialRecord(z.enum(FILE_NAMES), z.string().startsWith('/')),
});

/** The content of an order. */
type Order = z.output<typeof orderSchema>;

/** The folder of a switch that is under way, and the folder of the files that it replaced. Only root may read them. */
export interface SwitchFolders {
  readonly restore: string;
  readonly before: string;
}

/** Returns the folders of a switch. @param configFile path of the configuration, next to which they are */
export function switchFolders(configFile: string): SwitchFolders {
  const folder = dirname(configFile);
  return { restore: join(folder, 'restore'), before: join(folder, 'before-restore') };
}

/**
 * Creates the folder of the new files, empty. A folder without an order shows the next start of the control plane that
 * a power failure interrupted a restore before its decision.
 * @throws DiskError
 */
export async function beginRestore({ restore }: SwitchFolders): Promise<void> {
  try {
    await rm(restore, { recursive: true, force: true });
    await mkdir(restore, { recursive: true, mode: 0o700 });
    await syncFolder(dirname(restore));
  } catch (error) {
    throw asDiskError(restore, error);
  }
}

/**
 * Decides that a restored database and files replace the present ones. Once it returns, the decision holds, even if the
 * machine is switched off: `finishSwitch` completes it. Before that, nothing has changed. Call `beginRestore` first.
 * @throws DiskError
 */
export async function orderSwitch(
  { restore }: SwitchFolders,
  order: Omit<Order, 'places'>,
  files: readonly { name: FileName; place: string; content: Uint8Array }[],
): Promise<void> {
  for (const { name, content } of files) await writeDurably(join(restore, name), content, 0o600);
  const places = Object.fromEntries(files.map(({ name, place }) => [name, place]));
  const text = JSON.stringify({ ...order, places } satisfies Order);
  await writeDurably(join(restore, ORDER), text, 0o600);
}

/** Whether a switch is decided and not complete yet. */
export async function isSwitchOrdered({ restore }: SwitchFolders): Promise<boolean> {
  return (await readIfThere(join(restore, ORDER))) !== undefined;
}

/**
 * Carries out a decided switch, or the rest of it: databases are renamed in one transaction, then files are replaced;
 * the old ones are kept. Each step can be repeated. Also removes the files of a restore that was interrupted before its
 * decision.
 * @param beside a connection to another database of the server
 * @returns whether there was something to do
 * @throws ControlPlaneError if somebody stays connected to the database, or the order cannot be read
 * @throws DiskError
 */
export async function finishSwitch(folders: SwitchFolders, beside: Client): Promise<boolean> {
  const text = await readIfThere(join(folders.restore, ORDER));
  if (text === undefined) {
    await removeUndecided(folders);
    return false;
  }
  const order = parseOrder(text, folders.restore);
  await renameDatabases(beside, order);
  for (const name of FILE_NAMES) {
    const place = order.places[name];
    if (place !== undefined) await replaceFile(join(folders.restore, name), place, folders.before);
  }
  try {
    await rm(join(folders.restore, ORDER));
    await syncFolder(folders.restore);
  } catch (error) {
    throw asDiskError(folders.restore, error);
  }
  await removeUndecided(folders);
  return true;
}

/**
 * Removes the folder of a restore that was interrupted before its decision; its files include the authority's key. Call
 * it only if there is no order.
 * @returns whether there was such a folder
 * @throws DiskError
 */
export async function removeUndecided({ restore }: SwitchFolders): Promise<boolean> {
  try {
    await rm(restore, { recursive: true });
    return true;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return false;
    throw asDiskError(restore, error);
  }
}

function parseOrder(text: string, where: string): Order {
  try {
    return orderSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ControlPlaneError({
      what: 'a restore was cut off, and what is left of it cannot be read',
      where,
      fix: 'Remove the folder, and restore again.',
      cause,
    });
  }
}

async function renameDatabases(
  beside: Client,
  { restored, present, before }: Order,
): Promise<void> {
  const exists = async (name: string) => {
    const found = await beside.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    return found.rowCount !== 0;
  };
  const quoted = (name: string) => beside.escapeIdentifier(name);
  // Only this switch renames the restored database: if it is gone, the rename is done.
  if (!(await exists(restored))) return;
  await dropDatabase(beside, before);
  const hasPresent = await exists(present);
  for (let tries = 1; ; tries += 1) {
    try {
      await beside.query('BEGIN');
      if (hasPresent) {
        await beside.query(`ALTER DATABASE ${quoted(present)} RENAME TO ${quoted(before)}`);
      }
      await beside.query(`ALTER DATABASE ${quoted(restored)} RENAME TO ${quoted(present)}`);
      await beside.query('COMMIT');
      return;
    } catch (cause) {
      await beside.query('ROLLBACK');
      if (tries === TRIES) {
        throw new ControlPlaneError({
          what: `the database cannot be replaced yet: ${messageOf(cause)}`,
          where: present,
          fix: 'End what is connected to it, and start qx-controlplane: it goes on with the restore.',
          cause,
        });
      }
    }
    await endSessions(beside, [present, restored]);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Moves a new file into its place. Does nothing if the place already has its content. */
async function replaceFile(from: string, place: string, before: string): Promise<void> {
  const content = await readFile(from);
  const present = await readIfThere(place);
  if (present !== undefined && content.equals(Buffer.from(present))) return;
  try {
    await mkdir(before, { recursive: true, mode: 0o700 });
    await mkdir(dirname(place), { recursive: true, mode: 0o755 });
  } catch (error) {
    throw asDiskError(place, error);
  }
  if (present !== undefined) {
    await writeDurably(join(before, place.slice(place.lastIndexOf('/') + 1)), present, 0o600);
  }
  await writeDurably(place, content, 0o600);
}
