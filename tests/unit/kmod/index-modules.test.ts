import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { makeModuleIndex } from '../../../build/kmod/index-files.ts';
import { findClosure, indexModules } from '../../../build/kmod/index-modules.ts';
import { parseModuleInfo } from '../../../build/kmod/modinfo.ts';
import type { ModuleIndex } from '../../../build/kmod/module-index.ts';
import { findKernelRelease, listKernelReleases } from '../../../build/kmod/release.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { temporaryFolder } from '../folder.ts';
import { directory, file, symlink, treeOf } from '../tree/trees.ts';
import { kernelModule, kernelText, RELEASE } from './modules.ts';

const indexOf = (...entries: Entry[]): ModuleIndex => indexModules(treeOf(...entries), RELEASE);

/** Lines of an index file. */
function text(index: ModuleIndex, name: string): string[] {
  const tree = treeOf(...makeModuleIndex(index));
  return (tree.text(`lib/modules/${RELEASE}/${name}`) ?? 'absent').split('\n').slice(0, -1);
}

/** a needs b and c, b needs d, c needs d; e requests the module with the alias `crypto-x`, which is d. */
const KERNEL = [
  kernelModule('kernel/fs/a.ko', 'license=GPL', 'depends=b,c-c', 'name=a', 'alias=fs-a'),
  kernelModule('kernel/lib/b.ko', 'depends=d', 'alias=pci:v*d1', 'alias=block-major-7-*'),
  kernelModule('kernel/lib/c-c.ko.gz', 'depends=d'),
  kernelModule('kernel/lib/d.ko.zst', 'depends=', 'alias=crypto-x', 'firmware=d.bin'),
  kernelModule(
    'kernel/e.ko',
    'softdep=post: a pre: crypto_x f',
    'alias=char-major-10-229',
    'alias=devname:fuse',
  ),
  kernelText(
    'modules.order',
    'kernel/lib/d.ko',
    'kernel/lib/b.ko',
    'kernel/gone.ko',
    'kernel/fs/a.ko',
  ),
  kernelText('modules.builtin', 'kernel/fs/ext4.ko', 'kernel/virtio-ring.ko'),
];

describe('the index', () => {
  test('holds modules in the order of the kernel, then the others, plain and packed', () => {
    const { modules } = indexOf(...KERNEL);
    expect([...modules.keys()]).toEqual(['d', 'b', 'a', 'e', 'c_c']);
    expect(modules.get('d')).toMatchObject({
      path: 'kernel/lib/d.ko.zst',
      aliases: ['crypto-x'],
      depends: [],
      firmware: ['d.bin'],
    });
    expect(modules.get('a')?.depends).toEqual(['b', 'c_c']);
  });

  test('is found through a merged /usr, and modules in updates/ take precedence', () => {
    const tree = treeOf(
      directory('usr/lib'),
      symlink('lib', 'usr/lib'),
      kernelModule('kernel/a.ko', 'alias=old'),
      kernelModule('updates/dkms/a.ko', 'alias=new'),
      kernelModule('extra/a.ko', 'alias=extra'),
    );
    expect(indexModules(tree, RELEASE).modules.get('a')?.aliases).toEqual(['new']);
  });

  test('is empty without any module, and an error without the kernel', () => {
    expect(indexOf(kernelText('modules.order')).modules.size).toBe(0);
    expect(() => indexModules(treeOf(), RELEASE)).toThrow(`there is no kernel ${RELEASE}`);
    expect(() => indexModules(treeOf(...KERNEL), '')).toThrow('no kernel modules');
  });

  test('a module with a missing or circular dependency is an error', () => {
    expect(() => indexOf(kernelModule('a.ko', 'depends=b'))).toThrow(
      'a needs b, which is not in the tree',
    );
    const circle = [kernelModule('a.ko', 'depends=b'), kernelModule('b.ko', 'depends=a')];
    expect(() => indexOf(...circle)).toThrow('need each other');
    expect(() => indexOf(kernelModule('a.ko', 'depends=a'))).toThrow('need each other');
  });

  test('long chains neither exhaust the stack nor the memory', () => {
    const chain = (length: number, key: string) =>
      indexOf(
        ...Array.from({ length }, (_, i) => kernelModule(`m${i}.ko`, `${key}m${i + 1}`)),
        kernelModule(`m${length}.ko`),
      );
    expect(findClosure(chain(900, 'depends='), ['m0'])).toHaveLength(901);
    expect(() => chain(3000, 'depends=')).toThrow('needs more than 1000 others');
    expect(() => findClosure(chain(300, 'softdep=pre: '), ['m0'])).toThrow('more than 200');
  });

  test.each([
    ['a.ko', 'no ELF', 'does not start with the ELF'],
    ['a.ko.gz', 'no gzip', 'cannot be unpacked'],
    ['a.ko.zst', 'no zstd', 'cannot be unpacked'],
    ['a.ko.xz', 'xz', 'xz, which is not supported'],
    ['a.ko', '', 'does not start with the ELF'],
  ])('a module %s with %j is an error', (name, content, why) => {
    expect(() => indexOf(file(`lib/modules/${RELEASE}/${name}`, content))).toThrow(BuildError);
    expect(() => indexOf(file(`lib/modules/${RELEASE}/${name}`, content))).toThrow(why);
  });

  test('module information may have any content except line feeds', () => {
    const info = parseModuleInfo(
      Buffer.from('alias=a=b\0\0=\0alias\0depends=,x-y,\0alias='),
      'x.ko',
    );
    expect(info).toEqual({
      aliases: ['a=b', ''],
      depends: ['x_y'],
      softdeps: [],
      firmware: [],
    });
    expect(() => parseModuleInfo(Buffer.from('alias=a\nalias b c\0'), 'x.ko')).toThrow('line feed');
    expect(() => parseModuleInfo(Buffer.from('description=a\nb\0'), 'x.ko')).not.toThrow();
  });
});

describe('the files of the index', () => {
  test('modules.dep has all dependencies in reverse order of loading', () => {
    expect(text(indexOf(...KERNEL), 'modules.dep')).toEqual([
      'kernel/lib/d.ko.zst:',
      'kernel/lib/b.ko: kernel/lib/d.ko.zst',
      'kernel/fs/a.ko: kernel/lib/c-c.ko.gz kernel/lib/b.ko kernel/lib/d.ko.zst',
      'kernel/e.ko:',
      'kernel/lib/c-c.ko.gz: kernel/lib/d.ko.zst',
    ]);
  });

  test('the other files are as depmod writes them', () => {
    const index = indexOf(...KERNEL);
    expect(text(index, 'modules.alias')).toEqual([
      '# Aliases extracted from modules themselves.',
      'alias crypto-x d',
      'alias pci:v*d1 b',
      'alias block-major-7-* b',
      'alias fs-a a',
      'alias char-major-10-229 e',
      'alias devname:fuse e',
    ]);
    expect(text(index, 'modules.devname').slice(1)).toEqual(['e fuse c10:229']);
    expect(text(index, 'modules.softdep').slice(1)).toEqual(['softdep e post: a pre: crypto_x f']);
    expect(text(index, 'modules.builtin')).toEqual(['kernel/fs/ext4.ko', 'kernel/virtio-ring.ko']);
  });

  test('for a selection of modules name only those', () => {
    const index = indexOf(...KERNEL);
    expect(text(index.only(findClosure(index, ['b'])), 'modules.dep')).toEqual([
      'kernel/lib/d.ko.zst:',
      'kernel/lib/b.ko: kernel/lib/d.ko.zst',
    ]);
    expect(() => index.only(['kernel/lib/b.ko'])).toThrow('b needs d');
  });
});

describe('the closure', () => {
  const index = indexOf(...KERNEL);

  test('is in the order of loading, with each module once', () => {
    expect(findClosure(index, ['c-c', 'a', 'b'])).toEqual([
      'kernel/lib/d.ko.zst',
      'kernel/lib/c-c.ko.gz',
      'kernel/lib/b.ko',
      'kernel/fs/a.ko',
    ]);
  });

  test('includes existing soft dependencies, found by alias', () => {
    expect(findClosure(index, ['e'])).toEqual(['kernel/lib/d.ko.zst', 'kernel/e.ko']);
  });

  test('treats - as _, and needs no files for built-in names', () => {
    expect(findClosure(index, ['c_c'])).toEqual(findClosure(index, ['c-c']));
    expect(findClosure(index, ['ext4', 'virtio_ring', 'virtio-ring'])).toEqual([]);
  });

  test('soft dependencies that form a loop end', () => {
    const both = indexOf(
      kernelModule('a.ko', 'softdep=pre: b'),
      kernelModule('b.ko', 'softdep=pre: a'),
    );
    expect(findClosure(both, ['a'])).toEqual(['b.ko', 'a.ko']);
  });

  test('an unknown name is an error with names spelt like it', () => {
    expect(() => findClosure(index, ['virtio_rin'])).toThrow('Did you mean virtio_ring?');
    expect(() => findClosure(index, ['unheard-of'])).toThrow(
      'has no module "unheard_of". Check the spelling',
    );
  });
});

describe('the kernel of a tree', () => {
  test('is the one release with modules', () => {
    expect(findKernelRelease(treeOf(...KERNEL, directory('lib/modules/empty')))).toBe(RELEASE);
    expect(listKernelReleases(treeOf())).toEqual([]);
    expect(() => findKernelRelease(treeOf())).toThrow('no kernel modules');
  });

  test('must be the only one', () => {
    const tree = treeOf(...KERNEL, file('lib/modules/6.12/modules.order'));
    expect(listKernelReleases(tree)).toEqual([RELEASE, '6.12'].sort());
    expect(() => findKernelRelease(tree)).toThrow(`more than one kernel: ${RELEASE}, 6.12`);
  });
});

test('a module of an opened package is read once, even if it is in several trees', async () => {
  const path = `lib/modules/${RELEASE}/kernel/a.ko`;
  const plain = kernelModule('kernel/a.ko', 'alias=fs-a', 'depends=');
  const contents = join(await temporaryFolder(), 'package.blob');
  await writeFile(contents, plain.content.in === 'memory' ? plain.content.bytes : '');
  const opened: Entry = { ...plain, content: { in: 'file', file: contents, offset: 0 } };
  const first = indexOf(opened);
  await rm(contents);
  const second = indexOf({ ...opened, path: `usr/${path}` }, symlink('lib', 'usr/lib'));
  expect(second.modules).toEqual(first.modules);
  expect(() => indexOf({ ...opened, content: { ...opened.content } })).toThrow(BuildError);
});
