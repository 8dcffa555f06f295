import { type ElfContent, elfFile } from '../elf/elf-file.ts';

/** The mark by which Node recognizes whether it contains programs, without the digit that follows it. */
export const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';

/** A small file that looks like Node to the code that injects programs. */
export function smallNode(more: ElfContent = {}): Buffer {
  return elfFile({
    interpreter: '/lib/ld-musl-x86_64.so.1',
    needed: ['libz.so.1'],
    note: 'an earlier note ',
    data: `data ${FUSE}0 more data`,
    zeros: 1000,
    sections: { '.comment': 'made for a test' },
    ...more,
  });
}
