import { join } from 'node:path';
import { readIfThere, setAside, writeDurably } from '../../../files/durable-file.ts';

/**
 * Numbers this run of the agent: one more than the last, kept in `epoch` beside the key, since a node with a new key is
 * a new node and may begin anew.
 * @param log gets a line for a person if the file cannot be read; the clock then gives a number that is greater
 */
export async function nextEpoch(
  folder: string,
  now: number,
  log: (line: string) => void,
): Promise<bigint> {
  const file = join(folder, 'epoch');
  const text = await readIfThere(file);
  let last = 0n;
  if (text !== undefined && /^[0-9]{1,18}\n?$/.test(text)) {
    last = BigInt(text);
  } else if (text !== undefined) {
    log(`${file} holds no number: set aside as ${await setAside(file)}`);
    last = BigInt(Math.trunc(now));
  }
  const epoch = last + 1n;
  await writeDurably(file, `${epoch}\n`, 0o600);
  return epoch;
}
