import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A program that mounts the file system of a block device, replaces twenty files on it, and unmounts it. Every third
 * file is flushed before it is renamed into place. Arguments: the device, an empty directory to mount it on, the text
 * that the files repeat.
 */
const [device, directory, text] = process.argv.slice(2) as [string, string, string];
execFileSync('mount', [device, directory]);
for (let count = 0; count < 20; count += 1) {
  const file = join(directory, `file${count}`);
  writeFileSync(`${file}.new`, text.repeat(300), { flush: count % 3 === 0 });
  renameSync(`${file}.new`, file);
}
execFileSync('umount', [directory]);
