import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpioArchive } from '../../build/image/cpio.ts';
import { comparePaths } from '../../build/readback/compare.ts';
import { compareCpio } from '../../build/readback/cpio.ts';
import { readFat } from '../../build/readback/fat.ts';
import { compareContents } from '../../build/readback/squashfs/contents.ts';
import { readSquashfs } from '../../build/readback/squashfs/image.ts';
import { unreadable } from '../../build/readback/verdict.ts';
import { ContentReader } from '../../build/tree/content.ts';
import { tarStream } from '../../build/tree/tar-stream.ts';
import { directory, file, hardlink, program, symlink, treeOf } from '../unit/tree/trees.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const where = 'image of the fuzzer';
const EPOCH = 1_700_000_000;
const reader = new ContentReader();

const entries = [
  directory('bin'),
  program('bin/tool', 'tool '.repeat(2000)),
  file('bin/small', 'small'),
  symlink('bin/alias', 'tool'),
  { ...file('bin/able', 'able'), attributes: { 'security.capability': '01000002' } },
];
const plain = treeOf(...entries.slice(0, 4));
const linked = treeOf(...entries, hardlink('bin/link', 'bin/tool'));

let made: { squashfs: Buffer; fat: Buffer } | undefined;

/** Images as tools make them, tables and all uncompressed so that changes reach the parser. */
function images(): { squashfs: Buffer; fat: Buffer } {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(tmpdir(), 'quantix-fuzz-'));
  const [squashfs, fat] = [join(folder, 'squashfs'), join(folder, 'fat')];
  const plainly = ['-noI', '-noD', '-noF', '-noX', '-comp', 'zstd', '-b', '4096'];
  const tar = Buffer.concat([...tarStream(linked, EPOCH)].map((chunk) => Buffer.from(chunk)));
  execFileSync('mksquashfs', ['-', squashfs, '-tar', '-quiet', '-no-progress', ...plainly], {
    input: tar,
  });
  execFileSync('mformat', ['-C', '-i', fat, '-T', '64', '-h', '2', '-s', '16', '-v', 'X', '::']);
  execFileSync('mmd', ['-i', fat, '::/EFI']);
  execFileSync('mcopy', ['-i', fat, '-', '::/EFI/a long name.efi'], {
    input: 'loader '.repeat(300),
  });
  made = { squashfs: readFileSync(squashfs), fat: readFileSync(fat) };
  rmSync(folder, { recursive: true });
  return made;
}

/** A squashfs: it is read whole, and what could be read is compared with what was meant. */
export const squashfs: Target = {
  name: 'squashfs',
  async once(random) {
    const bytes = mutate(images().squashfs, random);
    const image = await readSquashfs((offset, length) => {
      if (offset + length > bytes.length) throw unreadable('it ends too early', where);
      return bytes.subarray(offset, offset + length);
    }, where);
    const { files } = comparePaths(image.nodes, { entries: linked.entries(), epoch: EPOCH });
    await compareContents(image, files, reader);
  },
};

/** An initramfs. */
export const cpio: Target = {
  name: 'cpio',
  once(random) {
    compareCpio(mutate(cpioArchive(plain, EPOCH), random), plain, { epoch: EPOCH, where });
  },
};

/** An EFI system partition. */
export const fat: Target = {
  name: 'fat',
  once(random) {
    for (const [path, content] of readFat(mutate(images().fat, random), where).files) {
      if (!path.startsWith('/') || content.length > images().fat.length) {
        throw new Error(`${path} has ${content.length} bytes`);
      }
    }
  },
};
