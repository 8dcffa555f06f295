// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are for a shell and a loader
import { describe, expect, test } from 'vitest';
import { elfFile } from '../elf/elf-file.ts';
import { directory, file, program, symlink } from '../tree/trees.ts';
import { audited } from './findings.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const glibc = [
  directory('usr/lib/x86_64-linux-gnu'),
  symlink('lib', 'usr/lib'),
  symlink('lib64', 'usr/lib64'),
  file('usr/lib64/ld-linux-x86-64.so.2', elfFile()),
  file('usr/lib/x86_64-linux-gnu/libc.so.6', elfFile()),
];
const application = (needed: string[], more = {}) =>
  program('usr/bin/app', elfFile({ interpreter: LOADER, needed, ...more }));

describe('glibc', () => {
  test('a program passes if its loader and libraries exist', () => {
    expect(audited([...glibc, application(['libc.so.6', 'ld-linux-x86-64.so.2'])])).toEqual([]);
  });

  test('a missing loader and missing libraries are findings', () => {
    expect(audited([application(['libc.so.6'])])).toEqual([
      `library: usr/bin/app needs the loader ${LOADER}, which is missing`,
      'library: usr/bin/app needs libc.so.6, which is missing',
    ]);
  });

  test('a missing dependency of a library is a finding for that library', () => {
    const library = file('usr/lib/libx.so', elfFile({ needed: ['libz.so.1'] }));
    expect(audited([...glibc, library, application(['libx.so'])])).toEqual([
      'library: usr/lib/libx.so needs libz.so.1, which is missing',
    ]);
  });

  test('a library outside the loader’s search path is reported with its place', () => {
    const library = file('opt/app/libx.so', elfFile());
    expect(audited([...glibc, library, application(['libx.so'])])).toEqual([
      'library: usr/bin/app needs libx.so, which is only at /opt/app/libx.so, where the loader does not look',
    ]);
  });

  test.each([
    ['RUNPATH', { runpath: '/nowhere:$ORIGIN/../app' }],
    ['RPATH', { rpath: '${ORIGIN}/../app' }],
  ])('a library found through %s and $ORIGIN passes', (_, paths) => {
    const library = file('usr/app/libx.so', elfFile());
    expect(audited([...glibc, library, application(['libx.so'], paths)])).toEqual([]);
  });

  test('$LIB and $PLATFORM are expanded, and RUNPATH overrides RPATH', () => {
    const library = file('opt/lib/x86_64-linux-gnu/x86_64/libx.so', elfFile());
    const found = { runpath: '/opt/$LIB/$PLATFORM' };
    expect(audited([...glibc, library, application(['libx.so'], found)])).toEqual([]);
    const void_ = { runpath: '/other', rpath: '/opt/$LIB/$PLATFORM' };
    expect(audited([...glibc, library, application(['libx.so'], void_)])).toHaveLength(1);
  });

  test('a relative search path does not count', () => {
    const library = file('opt/libx.so', elfFile());
    const paths = { runpath: 'opt:' };
    expect(audited([...glibc, library, application(['libx.so'], paths)])).toHaveLength(1);
  });

  test('a library for another machine, or of another word size, does not count', () => {
    const foreign = file('usr/lib/libx.so', elfFile({ machine: 183 }));
    const narrow = file('usr/lib/liby.so', elfFile({ bits: 32 }));
    expect(audited([...glibc, foreign, narrow, application(['libx.so', 'liby.so'])])).toEqual([
      'library: usr/bin/app needs libx.so, which is there for another machine only',
      'library: usr/bin/app needs liby.so, which is there for another machine only',
    ]);
  });

  test('a linker script or a dangling link does not count as a library', () => {
    const script = file('usr/lib/libx.so', 'GROUP ( libc.so )');
    const link = symlink('usr/lib/liby.so', 'liby.so.1');
    const findings = audited([...glibc, script, link, application(['libx.so', 'liby.so'])]);
    expect(findings[0]).toContain('libx.so, which is there for another machine only');
    expect(audited([...glibc, link, application(['liby.so'])])[0]).toContain(
      'liby.so, which is missing',
    );
  });

  test('ld.so.conf is used only if its cache exists', () => {
    const library = file('opt/x/libx.so', elfFile());
    const conf = file('etc/ld.so.conf.d/x.conf', '# ours\n/opt/x\n');
    const tree = [...glibc, library, conf, application(['libx.so'])];
    expect(audited(tree)).toHaveLength(1);
    expect(audited([...tree, file('etc/ld.so.cache', 'cache')])).toEqual([]);
  });

  test('a needed path is looked up as a path', () => {
    const library = file('opt/x/libx.so', elfFile());
    expect(audited([...glibc, library, application(['/opt/x/libx.so'])])).toEqual([]);
    expect(audited([...glibc, application(['/opt/x/libx.so'])])).toHaveLength(1);
  });
});

describe('musl', () => {
  const musl = file('lib/ld-musl-x86_64.so.1', elfFile());
  const app = program(
    'bin/app',
    elfFile({ interpreter: '/lib/ld-musl-x86_64.so.1', needed: ['libx.so'] }),
  );

  test('searches /lib, /usr/local/lib and /usr/lib', () => {
    expect(audited([musl, app, file('usr/local/lib/libx.so', elfFile())])).toEqual([]);
    expect(audited([musl, app, file('lib/x86_64-linux-gnu/libx.so', elfFile())])).toHaveLength(1);
  });

  test('searches the folders of its path file instead', () => {
    const paths = file('etc/ld-musl-x86_64.path', '/opt/a:/opt/b\n/opt/c');
    expect(audited([musl, app, paths, file('opt/c/libx.so', elfFile())])).toEqual([]);
    expect(audited([musl, app, paths, file('lib/libx.so', elfFile())])).toHaveLength(1);
  });
});

test('a damaged ELF file is a finding, and firmware for another processor is ignored', () => {
  const bytes = elfFile({ needed: ['libx.so'] }).subarray(0, 100);
  expect(audited([file('usr/lib/libx.so', bytes), file('usr/lib/firmware/x.mbn', bytes)])).toEqual([
    'library: usr/lib/libx.so is a damaged ELF file: its program header table lies outside the file',
  ]);
});
