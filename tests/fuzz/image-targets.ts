import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { makeCpioArchive } from '../../build/image/cpio.ts';
import { comparePaths } from '../../build/readback/compare.ts';
import { compareCpio, readInitramfs } from '../../build/readback/cpio.ts';
import { readFat } from '../../build/readback/fat.ts';
import { readIso9660 } from '../../build/readback/iso9660.ts';
import { compareContents } from '../../build/readback/squashfs/compare-contents.ts';
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

let made: { squashfs: Buffer; fat: Buffer; iso: Buffer } | undefined;

/** Images made by tools, completely uncompressed so that changes reach the parser. */
function images(): { squashfs: Buffer; fat: Buffer; iso: Buffer } {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(tmpdir(), 'quantix-fuzz-'));
  const [squashfs, fat, iso] = [join(folder, 'squashfs'), join(folder, 'fat'), join(folder, 'iso')];
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
  const content = join(folder, 'content');
  mkdirSync(join(content, 'boot/grub'), { recursive: true });
  writeFileSync(join(content, `boot/${'long '.repeat(45)}`), 'x');
  writeFileSync(join(content, 'boot/grub/grub.cfg'), 'menu');
  const format = ['-as', 'mkisofs', '-quiet', '-iso-level', '3', '-rational-rock'];
  execFileSync('xorriso', [...format, '-o', iso, content], { stdio: 'ignore' });
  made = { squashfs: readFileSync(squashfs), fat: readFileSync(fat), iso: readFileSync(iso) };
  rmSync(folder, { recursive: true });
  return made;
}

/** A squashfs: it is read completely, and its readable part is compared with the tree. */
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
    const archive = makeCpioArchive(plain, EPOCH);
    readInitramfs(mutate(Buffer.concat([archive, zstdCompressSync(archive)]), random), where);
    compareCpio(mutate(archive, random), plain, { epoch: EPOCH, where });
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

/** An ISO with changes in its directories. */
export const iso: Target = {
  name: 'iso',
  once(random) {
    const bytes = Buffer.from(images().iso);
    const changed = mutate(bytes.subarray(16 * 2048, 40 * 2048), random);
    changed.copy(bytes, 16 * 2048);
    const read = (offset: number, length: number) => {
      if (offset + length > bytes.length) throw unreadable('it ends too early', where);
      return bytes.subarray(offset, offset + length);
    };
    for (const { path, offset, size } of readIso9660({ size: bytes.length, read }, where).nodes) {
      if (path.startsWith('/') || offset + size > bytes.length) throw new Error(path);
    }
  },
};
