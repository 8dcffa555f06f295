import { Header } from 'tar';
import { BuildError } from '../error.ts';

const BLOCK = 512;

/** Maximum number of bytes of a file in a plain ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"). */
const LARGEST_MEMBER = 8 ** 11 - 1;

/** Maximum number of digits of such a size. */
export const SIZE_DIGITS = String(LARGEST_MEMBER).length;

/** The end mark of an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/**
 * Returns the header of a file owned by root, in plain ustar, which every reader supports. Its length is the same for
 * any file.
 * @param size size of the file in bytes
 * @param epoch time stamp, in seconds since 1970
 * @throws BuildError if the file is larger than 8 GiB, or its name is too long
 */
export function tarHeader(path: string, { size, epoch }: { size: number; epoch: number }): Buffer {
  if (size > LARGEST_MEMBER) {
    throw new BuildError({
      what: `${size} bytes do not fit into a ustar, whose files have 8 GiB at most`,
      where: path,
      fix: 'Choose other formats.',
    });
  }
  const block = Buffer.alloc(BLOCK);
  const owner = { uid: 0, gid: 0, uname: 'root', gname: 'root' };
  const mtime = new Date(epoch * 1000);
  const header = new Header({ path, size, mtime, mode: 0o644, type: 'File', ...owner });
  if (!header.encode(block, 0)) return block;
  throw new BuildError({ what: 'the name does not fit into a ustar', where: path });
}

/** Returns the padding after a file of some size, up to a whole block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Returns a small file as a member of an archive: header, content and padding. */
export function tarMember(path: string, content: Buffer, epoch: number): Buffer {
  const header = tarHeader(path, { size: content.length, epoch });
  return Buffer.concat([header, content, tarPadding(content.length)]);
}
