import { BLOCK, padSize } from '../archive/tar-header.ts';
import { SCRIPTS } from '../package/scripts.ts';
import { formatIdentity, type InstalledPackage, nameOfPackage, sortPackages } from './package.ts';

/** Longest name in a header, in bytes; apk truncates longer ones and leaves room for a NUL. */
const LONGEST_NAME = 99;

/**
 * Returns the bytes of `/lib/apk/db/scripts.tar`: the scripts of all packages, named
 * `<package>-<version>.<identity>.<script>`, in the tar dialect that apk writes (GNU magic, no pax headers). The time
 * stamp of a script is the build time of its package (`t:`).
 * @param packages in any order
 */
export function makeScriptsTar(packages: readonly InstalledPackage[]): Buffer {
  const blocks = sortPackages(packages).flatMap((installed) => {
    const { fields, record } = installed;
    const name = `${nameOfPackage(installed)}-${fields.get('V') ?? ''}.${formatIdentity(installed)}`;
    const mtime = Number(/^\d{1,11}/.exec(fields.get('t') ?? '')?.[0] ?? 0);
    return SCRIPTS.flatMap((script) => {
      const body = record.scripts.get(script);
      if (body === undefined) return [];
      const header = scriptHeader({ name: `${name}.${script}`, size: body.length, mtime });
      return [header, body, Buffer.alloc(padSize(body.length) - body.length)];
    });
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

interface ScriptHeader {
  name: string;
  size: number;
  /** In seconds since 1970. */
  mtime: number;
}

function scriptHeader({ name, size, mtime }: ScriptHeader): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), at, length - 1, 'latin1');
  Buffer.from(name).copy(block, 0, 0, LONGEST_NAME);
  octal(0o755, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(mtime, 136, 12);
  block.write('0', 156, 'latin1');
  block.write('ustar  ', 257, 'latin1');
  block.write('root', 265, 'latin1');
  block.write('root', 297, 'latin1');
  block.fill(' ', 148, 156);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  block[154] = 0;
  return block;
}
