import { randomUUID } from 'node:crypto';
import { runFully } from '../process/run.ts';
import type { ChildOptions } from './probe.ts';
import { parseSystemError } from './system-error.ts';
import { type FileFacts, FormatReader, type Volume } from './volume-formats.ts';

/**
 * Greatest depth of folders that are searched in a pool, and largest number of files that are listed: a pool may
 * contain anything.
 */
const DEPTH = 3;
const FILES = 20_000;

/** Milliseconds for listing a pool's files. */
const TIME_LIMIT = 300_000;

/** A folder to list. */
export interface VolumeFolder extends ChildOptions {
  /** The pool's folder. */
  folder: string;
  /** Folders on which other file systems are mounted, which are separate pools. */
  others: ReadonlySet<string>;
}

/** Lists a pool's volumes repeatedly. */
export class VolumeList {
  readonly #formats = new FormatReader();

  /**
   * Lists the volumes of a folder: all its files, and only the images in folders below it, so that other files there,
   * such as those of a database, are not listed. Links are not followed, hidden files are left out, and files that
   * disappear meanwhile are ignored. All reading is done by children.
   * @throws SystemError if the folder itself cannot be read; CommandError if that takes too long
   */
  async read({ folder, others, ...options }: VolumeFolder): Promise<Volume[]> {
    const below = [...others].filter((other) => other.startsWith(`${folder}/`));
    const files = (await listFiles(folder, options)).filter(
      ({ path }) => !below.some((other) => path.startsWith(`${other}/`)),
    );
    const volumes = await this.#formats.read(folder, files, options);
    return volumes.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** Lists regular files that are not hidden: all in the folder itself, and images below it. FOLDER TOKEN */
const LIST = `{
	find "$1" -xdev -mindepth 1 -maxdepth 1 -type f ! -name '.*' -exec stat -c "$2 %s %b %Y %Z %n" {} +
	find "$1" -xdev -mindepth 1 -maxdepth ${DEPTH + 1} -type d \\( -name '.*' -o -name lost+found \\) -prune -o \\
		-mindepth 2 -type f ! -name '.*' \\( -iname '*.qcow' -o -iname '*.qcow2' -o -iname '*.raw' -o \\
		-iname '*.img' -o -iname '*.iso' \\) -exec stat -c "$2 %s %b %Y %Z %n" {} +
} | head -n ${FILES}`;

async function listFiles(folder: string, options: ChildOptions): Promise<FileFacts[]> {
  const token = randomUUID();
  const args = ['-c', LIST, 'sh', folder, token];
  const { stdout, stderr } = await runFully('sh', args, { timeout: TIME_LIMIT, ...options });
  const complaint = stderr
    .split('\n')
    .find((line) => line.replaceAll(/['‘’]/g, '').startsWith(`find: ${folder}: `));
  if (complaint !== undefined) throw parseSystemError(complaint);
  return parseFiles(stdout, { folder, token });
}

/**
 * Parses the output of stat(1): `TOKEN SIZE BLOCKS MODIFIED CHANGED PATH` on each line. A name with a line feed
 * continues on a line without the token, which nobody can guess; such a file is left out, as are malformed lines.
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
