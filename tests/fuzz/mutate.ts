import type { Random } from './random.ts';

/** Bytes that are difficult for parsers: separators, terminators, huge numbers, paths out of a tree. */
const TOKENS = [
  '\0',
  '\n',
  '\n\n',
  ':',
  '=',
  ' = ',
  '../',
  '/',
  './',
  '.',
  '-',
  '~',
  '_p',
  '-r',
  '4294967296',
  '-1',
  '77777777777',
  'Q1',
  'F:',
  'R:',
  'M:0:0:755\n',
  '\u2028',
  'ü',
  '\x80',
  '\xff\xff',
  ' '.repeat(50),
  '9'.repeat(400),
] as const;

type Change = (bytes: Buffer, random: Random) => Buffer;

const flipBit: Change = (bytes, random) => {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
};

const setByte: Change = (bytes, random) => {
  bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
};

const insertToken: Change = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  const token = Buffer.from(random.pick(TOKENS), 'utf8');
  return Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at)]);
};

const overwriteToken: Change = (bytes, random) => {
  Buffer.from(random.pick(TOKENS), 'latin1').copy(bytes, random.below(bytes.length));
  return bytes;
};

const cutOut: Change = (bytes, random) => {
  const at = random.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(64))]);
};

const truncate: Change = (bytes, random) => bytes.subarray(0, random.below(bytes.length));

const repeat: Change = (bytes, random) => {
  const from = random.below(bytes.length);
  const part = bytes.subarray(from, from + 1 + random.below(600));
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
};

const CHANGES = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  insertToken,
  overwriteToken,
  cutOut,
  repeat,
  truncate,
] as const;

/** Returns a copy of some bytes with one to four changes. */
export function mutate(original: Uint8Array, random: Random): Buffer {
  let bytes = Buffer.from(original);
  for (let left = 1 + random.below(4); left > 0 && bytes.length > 0; left -= 1) {
    bytes = Buffer.from(random.pick(CHANGES)(bytes, random));
  }
  return bytes;
}

/** Like `mutate`, but one result in eight is unchanged: for signed input, because a changed one is never accepted. */
export function mutateMost(original: Uint8Array, random: Random): Buffer {
  return random.below(8) === 0 ? Buffer.from(original) : mutate(original, random);
}
