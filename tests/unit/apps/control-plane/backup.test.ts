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

/** The smallest memory parameter that the format allows. */
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

/** Returns bytes with a period of 251. */
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

  test('contains none of the plain text, and differs each time', async () => {
    const one = await sealed(Buffer.from('the key of the authority'));
    expect(one.includes('authority')).toBe(false);
    expect(one.equals(await sealed(Buffer.from('the key of the authority')))).toBe(false);
  });

  test('ends its content if it is not read to its end: pg_dump would otherwise wait for ever on a full disk', async () => {
    let isEnded = false;
    const content = async function* () {
      try {
        for (;;) yield bytes(BLOCK);
      } finally {
        isEnded = true;
      }
    };
    for await (const _ of seal(content(), PASSPHRASE, COST)) break;
    expect(isEnded, 'after the header').toBe(false);
    let pieces = 0;
    for await (const _ of seal(content(), PASSPHRASE, COST)) {
      pieces += 1;
      if (pieces === 3) break;
    }
    expect(isEnded).toBe(true);
  });

  test('reports a wrong passphrase and damage differently; the Unicode form of an accent makes no difference', async () => {
    const one = await sealed(bytes(10));
    await expect(unsealed(one, 'wrong')).rejects.toThrow('the passphrase is not the one');
    const accent = await bytesOf(seal(piecesOf(bytes(10)), 'caf\u00e9', COST));
    expect(await unsealed(accent, 'cafe\u0301')).toEqual(bytes(10));
  });

  test('is refused if it is truncated, at any position', async () => {
    const whole = await sealed(bytes(2 * BLOCK + 100));
    const blocks = [60, 60 + BLOCK + 16, 60 + 2 * (BLOCK + 16)];
    const random = new Random(19);
    const seeded = Array.from({ length: 20 }, () => random.below(whole.length));
    for (const end of [...blocks, ...seeded, whole.length - 1]) {
      await expect(unsealed(whole.subarray(0, end))).rejects.toThrow(ControlPlaneError);
    }
  });

  test('is refused if a bit was changed, in its header or in a block', async () => {
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

  test('is refused if blocks are exchanged, missing, repeated or from another stream', async () => {
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

  test('of a newer format is reported with both formats, and one that needs much memory is refused', async () => {
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

  test('is left without its end if writing it fails', async () => {
    const failing = async function* () {
      yield bytes(100_000);
      throw new ControlPlaneError({ what: 'pg_dump failed' });
    };
    await expect(archive({ dump: failing() }, bytes(0))).rejects.toThrow('pg_dump failed');
  });

  test.each([
    ['a manifest that is not JSON', Buffer.from([0, 0, 0, 1, 0x7b]), 'its manifest is not JSON'],
    ['JSON that is not a manifest', Buffer.from('\0\0\0\x02{}', 'latin1'), 'cannot be read'],
    ['a manifest of 4 GiB', Buffer.from([255, 255, 255, 255]), 'its manifest is too long'],
    ['nothing', Buffer.alloc(0), 'it ends before its dump'],
  ])('that holds %s is refused, even though its seal is valid', async (_name, content, told) => {
    await expect(openArchive(piecesOf(await sealed(content)), PASSPHRASE)).rejects.toThrow(told);
  });
});
