import { writeFile } from 'node:fs/promises';

/**
 * Environment variable that `console-launch` sets: path of the file from which it reads what to open on the terminal.
 */
const ANSWER = 'QUANTIX_ANSWER';

/**
 * Makes `console-launch` open the text console of a virtual machine when this program ends: writes its UUID to the
 * first line of a file, and its name to the second.
 * @throws Error if this program was not started by `console-launch`
 */
export async function leaveForConsole(
  { id, name }: { id: string; name: string },
  file = process.env[ANSWER],
): Promise<void> {
  if (file === undefined) {
    throw new Error('only on a console of the machine; elsewhere: virsh console');
  }
  await writeFile(file, `${id}\n${name}\n`, { mode: 0o600 });
}
