/** Type letters of ustar. */
export type TarType = '0' | '1' | '2' | '3' | '4' | '5' | '6' | 'x';

/** A header to write. Everything but the name may be left out. */
export interface TarFields {
  name: string | Buffer;
  type?: TarType;
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  target?: string;
  major?: number;
  minor?: number;
  /** Names of user and group; if absent, `root` for number 0, else empty. */
  user?: string;
  group?: string;
}

export const BLOCK = 512;
export const END_MARK = Buffer.alloc(2 * BLOCK);

/** Zeroes that fill content up to a block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** A ustar header; a name of more than 100 bytes is cut, and must be in a preceding pax header. */
export function tarHeader(fields: TarFields): Buffer {
  const { name, type = '0', mode = 0o644, uid = 0, gid = 0, size = 0 } = fields;
  const { target = '', major = 0, minor = 0 } = fields;
  const { user = uid === 0 ? 'root' : '', group = gid === 0 ? 'root' : '' } = fields;
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), at, length - 1, 'latin1');
  Buffer.from(name).copy(block, 0, 0, 100);
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write(type, 156, 'latin1');
  Buffer.from(target).copy(block, 157, 0, 100);
  block.write('ustar\x0000', 257, 'latin1');
  block.write(user, 265);
  block.write(group, 297);
  octal(major, 329, 8);
  octal(minor, 337, 8);
  return sealed(block);
}

/** Recomputes the checksum of a header. */
export function sealed(block: Buffer): Buffer {
  block.fill(' ', 148, 156);
  const sum = block.subarray(0, BLOCK).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A header with its content, padded. */
export function tarEntry(fields: TarFields, content: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([
    tarHeader({ size: bytes.length, ...fields }),
    bytes,
    padding(bytes.length),
  ]);
}

/** A pax header with these records, for the entry that follows. */
export function paxEntry(records: Readonly<Record<string, string | Buffer>>): Buffer {
  const text = Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)));
  return tarEntry({ name: 'pax', type: 'x' }, text);
}

function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length;
  while (length !== rest.length + String(length).length)
    length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
