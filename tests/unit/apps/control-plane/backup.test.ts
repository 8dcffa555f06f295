import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ArchiveContent,
  openArchive,
  writeArchive,
} from '../../../../apps/control-plane/backup/archive.ts';
import { seal, unseal } from '../../../../apps/control-plane/backup/sealed-stream.ts';
import { ControlPlaneError } from '../../../../apps/control-plane/error.ts';
import { Random } from '../../../fuzz/random.ts';

/** The least memory that the format allows. */
const COST = 10;
const PASSPHRASE = 'correct horse battery';

async function* piecesOf(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

const sealed = (bytes: Uint8Array, cost = COST) => bytesOf(seal(piecesOf(bytes), PASSPHRASE, cost));
const unsealed = (bytes: Uint8Array, passphrase = PASSPHRASE) =>
  bytesOf(unseal(piecesOf(bytes, 999), passphrase));

/** Bytes that are not alike. */
const bytes = (size: number) =>
  Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) % 251));

const BLOCK = 64 * 1024;

describe('a sealed stream', () => {
  test.each([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])(
    'of %d bytes can be opened',
    async (size) => {
      expect((await unsealed(await sealed(bytes(size)))).equals(bytes(size))).toBe(true);
    },
  );

  test('holds nothing of what it seals, and is never the same', async () => {
    const one = await sealed(Buffer.from('the key of the authority'));
    expect(one.includes('authority')).toBe(false);
    expect(one.equals(await sealed(Buffer.from('the key of the authority')))).toBe(false);
  });

  test('tells another passphrase from damage; how an accent is typed makes no difference', async () => {
    const one = await sealed(bytes(10));
    await expect(unsealed(one, 'wrong')).rejects.toThrow('the passphrase is not the one');
    const accent = await bytesOf(seal(piecesOf(bytes(10)), 'caf\u00e9', COST));
    expect(await unsealed(accent, 'cafe\u0301')).toEqual(bytes(10));
  });

  test('is not opened where it was cut off, wherever that was', async () => {
    const whole = await sealed(bytes(2 * BLOCK + 100));
    const blocks = [60, 60 + BLOCK + 16, 60 + 2 * (BLOCK + 16)];
    const random = new Random(19);
    const seeded = Array.from({ length: 20 }, () => random.below(whole.length));
    for (const end of [...blocks, ...seeded, whole.length - 1]) {
      await expect(unsealed(whole.subarray(0, end))).rejects.toThrow(ControlPlaneError);
    }
  });

  test('is not opened where a bit was changed, in its header or its blocks', async () => {
    const whole = await sealed(bytes(BLOCK + 100));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (at, bit) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        await expect(unsealed(changed)).rejects.toThrow(ControlPlaneError);
      }),
      { numRuns: 50, seed: 19 },
    );
  });

  test('is not opened where blocks changed places, are missing, come twice or of another stream', async () => {
    const block = BLOCK + 16;
    const cut = (from: Buffer) =>
      [0, 1, 2].map((at) => from.subarray(60 + at * block, 60 + (at + 1) * block));
    const whole = await sealed(bytes(3 * BLOCK));
    const [a, b, c] = cut(whole) as [Buffer, Buffer, Buffer];
    const [other] = cut(await sealed(bytes(3 * BLOCK))) as [Buffer];
    const head = whole.subarray(0, 60);
    for (const order of [[b, a, c], [a, c], [a, a, b, c], [other, b, c], [a, b, c, c], [c]]) {
      await expect(unsealed(Buffer.concat([head, ...order]))).rejects.toThrow('is damaged');
    }
  });

  test('of a newer format is told, and one that asks for much memory is refused', async () => {
    const whole = await sealed(bytes(10));
    const newer = Buffer.from(whole);
    newer[7] = 2;
    await expect(unsealed(newer)).rejects.toThrow('has format 2, and this program reads format 1');
    const greedy = Buffer.from(whole);
    greedy[8] = 40;
    await expect(unsealed(greedy)).rejects.toThrow('has values that no backup has');
    await expect(unsealed(Buffer.from('PGDMP'))).rejects.toThrow('this is not a backup of QvDC');
  });
});

const CONTENT: Pick<ArchiveContent, 'manifest' | 'files'> = {
  manifest: {
    ...{ product: 'qvdc', program: '1.0.0', madeAt: '2030-01-01T12:00:00.000Z', postgresql: 15 },
    migrations: [],
    counts: { nodes: 3 },
    authority: 'a'.repeat(64),
  },
  files: new Map([
    ['ca.pem', Buffer.from('the authority')],
    ['config.yaml', Buffer.from('updates: {}\n')],
  ]),
};

const archive = (content: Partial<ArchiveContent>, dump: Uint8Array) =>
  bytesOf(writeArchive({ ...CONTENT, dump: piecesOf(dump), ...content }, PASSPHRASE, COST));

describe('an archive', () => {
  test.each([0, 31, 32, 200_000])(
    'brings back what was put in, with a dump of %d bytes',
    async (size) => {
      const whole = await archive({}, bytes(size));
      const { manifest, files, dump } = await openArchive(piecesOf(whole), PASSPHRASE);
      expect(manifest).toMatchObject(CONTENT.manifest);
      expect(Object.fromEntries(files)).toEqual(Object.fromEntries(CONTENT.files));
      expect((await bytesOf(dump)).equals(bytes(size))).toBe(true);
    },
  );

  test('whose maker failed in the middle has no end', async () => {
    const failing = async function* () {
      yield bytes(100_000);
      throw new ControlPlaneError({ what: 'pg_dump failed' });
    };
    await expect(archive({ dump: failing() }, bytes(0))).rejects.toThrow('pg_dump failed');
  });

  test.each([
    ['no JSON', Buffer.from([0, 0, 0, 1, 0x7b]), 'its manifest is not JSON'],
    ['not a manifest', Buffer.from('\0\0\0\x02{}', 'latin1'), 'cannot be read'],
    ['a manifest of 4 GiB', Buffer.from([255, 255, 255, 255]), 'its manifest is too long'],
    ['nothing', Buffer.alloc(0), 'it ends before its dump'],
  ])('that holds %s is refused, though it is sealed rightly', async (_name, content, told) => {
    await expect(openArchive(piecesOf(await sealed(content)), PASSPHRASE)).rejects.toThrow(told);
  });
});
