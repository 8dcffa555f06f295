import { randomUUID } from 'node:crypto';
import { runFully } from '../process/run.ts';
import type { Care } from './probe.ts';
import { parseSystemError } from './system-error.ts';
import { type FileFacts, FormatReader, type Volume } from './volume-formats.ts';

/** Folders below a pool's own that are looked into, and files that are listed: a pool may hold anything. */
const DEPTH = 3;
const FILES = 20_000;

/** Milliseconds for the list of a pool's files. */
const TIME_LIMIT = 300_000;

/** What is listed. */
export interface VolumeFolder extends Care {
  /** The pool's folder. */
  folder: string;
  /** Folders on which something else is mounted, which is a pool of its own. */
  others: ReadonlySet<string>;
}

/** Lists a pool's volumes again and again. */
export class VolumeList {
  readonly #formats = new FormatReader();

  /**
   * Volumes of a folder: its files, and images in folders below, so that no database is taken for volumes. Links are not
   * followed, hidden files are left out, and what vanishes meanwhile is not there. All of it is done by children.
   * @throws SystemError if the folder itself cannot be read; CommandError if that takes too long
   */
  async read({ folder, others, ...care }: VolumeFolder): Promise<Volume[]> {
    const below = [...others].filter((other) => other.startsWith(`${folder}/`));
    const files = (await listFiles(folder, care)).filter(
      ({ path }) => !below.some((other) => path.startsWith(`${other}/`)),
    );
    const volumes = await this.#formats.read(folder, files, care);
    return volumes.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** Regular files that are not hidden: all of the folder itself, and images below. FOLDER TOKEN */
const LIST = `{
	find "$1" -xdev -mindepth 1 -maxdepth 1 -type f ! -name '.*' -exec stat -c "$2 %s %b %Y %Z %n" {} +
	find "$1" -xdev -mindepth 1 -maxdepth ${DEPTH + 1} -type d \\( -name '.*' -o -name lost+found \\) -prune -o \\
		-mindepth 2 -type f ! -name '.*' \\( -iname '*.qcow' -o -iname '*.qcow2' -o -iname '*.raw' -o \\
		-iname '*.img' -o -iname '*.iso' \\) -exec stat -c "$2 %s %b %Y %Z %n" {} +
} | head -n ${FILES}`;

async function listFiles(folder: string, care: Care): Promise<FileFacts[]> {
  const token = randomUUID();
  const args = ['-c', LIST, 'sh', folder, token];
  const { stdout, stderr } = await runFully('sh', args, { timeout: TIME_LIMIT, ...care });
  const complaint = stderr
    .split('\n')
    .find((line) => line.replaceAll(/['‘’]/g, '').startsWith(`find: ${folder}: `));
  if (complaint !== undefined) throw parseSystemError(complaint);
  return parseFiles(stdout, { folder, token });
}

/**
 * Files of what stat(1) writes: `TOKEN SIZE BLOCKS MODIFIED CHANGED PATH` in each line. A name with a line feed goes on
 * without the token, which nobody could have known; such a file is left out, as is what is not like that.
 */
export function parseFiles(
  text: string,
  { folder, token }: { folder: string; token: string },
): FileFacts[] {
  const records = text.split(`${token} `).slice(1);
  return records.flatMap((record) => {
    const line = record.replace(/\n$/, '');
    const match =
      /^(\d{1,15}) (\d{1,15}) (-?\d{1,12})(?:\.\d+)? (-?\d{1,12})(?:\.\d+)? ([^\n]+)$/.exec(line);
    const [, size, blocks, modified, changed, path = ''] = match ?? [];
    if (!path.startsWith(`${folder}/`)) return [];
    return {
      path,
      size: Number(size),
      allocated: Number(blocks) * 512,
      modified: Number(modified),
      changed: Number(changed),
    };
  });
}
