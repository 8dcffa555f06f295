/** The fields of an ELF file for a test. */
export interface ElfContent {
  bits?: 32 | 64;
  littleEndian?: boolean;
  machine?: number;
  type?: number;
  interpreter?: string;
  needed?: string[];
  soname?: string;
  rpath?: string;
  runpath?: string;
  /** Bytes before the tables, to check that they are found by offset. */
  padding?: number;
  sections?: Record<string, string | Uint8Array>;
  /** Content of a segment of notes. */
  note?: string;
  /** Bytes of a loaded segment. */
  data?: string;
  /** Bytes that are zero in memory and not in the file. */
  zeros?: number;
}

const ADDRESS = 0x40_0000;

/** Writes numbers of a byte order and word size. */
function writer(bits: 32 | 64, little: boolean) {
  const number = (bytes: number, value: number): Buffer => {
    const out = Buffer.alloc(bytes);
    let rest = value;
    for (let index = 0; index < bytes; index += 1, rest = Math.floor(rest / 256)) {
      out[little ? index : bytes - 1 - index] = rest % 256;
    }
    return out;
  };
  return {
    half: (value: number) => number(2, value),
    int: (value: number) => number(4, value),
    word: (value: number) => number(bits / 8, value),
  };
}

/** A small ELF file: header, program headers, strings, dynamic section, sections, section headers. */
export function elfFile(content: ElfContent = {}): Buffer {
  const { bits = 64, littleEndian = true, machine = 62, type = 3, padding = 0 } = content;
  const { half, int, word } = writer(bits, littleEndian);
  const wide = bits === 64;
  const [headerSize, stride] = wide ? [64, 56] : [52, 32];

  const strings = new Strings();
  const needed = (content.needed ?? []).map((name) => [1, strings.add(name)] as const);
  const tags: (readonly [number, number])[] = [...needed];
  for (const [tag, text] of [
    [14, content.soname],
    [15, content.rpath],
    [29, content.runpath],
  ] as const) {
    if (text !== undefined) tags.push([tag, strings.add(text)]);
  }
  const interpreter = Buffer.from(
    content.interpreter === undefined ? '' : `${content.interpreter}\0`,
  );
  const note = Buffer.from(content.note ?? '');
  const data = Buffer.from(content.data ?? '');
  const programs = 2 + Number(interpreter.length > 0) + Number(note.length > 0);
  const interpreterAt = headerSize + programs * stride + padding;
  const stringsAt = interpreterAt + interpreter.length;
  const dynamicAt = stringsAt + strings.bytes.length;
  tags.push([5, ADDRESS + stringsAt], [10, strings.bytes.length], [0, 0]);
  const dynamic = Buffer.concat(
    tags.map(([tag, value]) => Buffer.concat([word(tag), word(value)])),
  );
  const noteAt = dynamicAt + dynamic.length;
  const loaded = noteAt + note.length + data.length;

  const segment = (kind: number, offset: number, size: number, zeros = 0): Buffer => {
    const sizes = [word(size), word(size + zeros)];
    const place = [word(offset), word(ADDRESS + offset), word(0), ...sizes];
    return Buffer.concat(
      wide ? [int(kind), int(0), ...place, word(0)] : [int(kind), ...place, int(0), int(0)],
    );
  };
  const segments = [segment(1, 0, loaded, content.zeros), segment(2, dynamicAt, dynamic.length)];
  if (interpreter.length > 0) segments.unshift(segment(3, interpreterAt, interpreter.length));
  if (note.length > 0) segments.push(segment(4, noteAt, note.length));

  const { body, table, count } = sectionsOf(content.sections, { loaded, int, word });
  const head = Buffer.concat([
    Buffer.from([
      0x7f,
      0x45,
      0x4c,
      0x46,
      wide ? 2 : 1,
      littleEndian ? 1 : 2,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    ]),
    ...[
      half(type),
      half(machine),
      int(1),
      word(0),
      word(headerSize),
      word(loaded + body.length),
      int(0),
    ],
    ...[
      half(headerSize),
      half(stride),
      half(programs),
      half(wide ? 64 : 40),
      half(count),
      half(count - 1),
    ],
  ]);
  const early = [Buffer.alloc(padding), interpreter, strings.bytes, dynamic];
  const middle = [...segments, ...early, note, data];
  return Buffer.concat([head, ...middle, body, table]);
}

interface Layout {
  loaded: number;
  int: (value: number) => Buffer;
  word: (value: number) => Buffer;
}

function sectionsOf(sections: ElfContent['sections'] = {}, { loaded, int, word }: Layout) {
  const names = new Strings();
  const parts: Buffer[] = [];
  const headers: Buffer[] = [];
  let at = loaded;
  const header = (name: number, kind: number, size: number): void => {
    const rest = [word(0), word(0), word(at), word(size), int(0), int(0), word(1), word(0)];
    headers.push(Buffer.concat([int(name), int(kind), ...rest]));
  };
  header(0, 0, 0);
  const all = Object.entries(sections).map(
    ([name, text]) => [names.add(name), Buffer.from(text)] as const,
  );
  const namesName = names.add('.shstrtab');
  for (const [name, bytes] of all) {
    header(name, 1, bytes.length);
    parts.push(bytes);
    at += bytes.length;
  }
  header(namesName, 3, names.bytes.length);
  parts.push(names.bytes);
  return { body: Buffer.concat(parts), table: Buffer.concat(headers), count: headers.length };
}

/** A string table. */
class Strings {
  bytes = Buffer.alloc(1);

  add(text: string): number {
    const at = this.bytes.length;
    this.bytes = Buffer.concat([this.bytes, Buffer.from(`${text}\0`)]);
    return at;
  }
}
