import { createHash } from 'node:crypto';
import { openArchive, writeArchive } from '../../apps/control-plane/backup/archive.ts';
import { seal } from '../../apps/control-plane/backup/sealed-stream.ts';
import { mutate, mutateMost } from './mutate.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

const PASSPHRASE = 'correct horse';
/** The smallest memory parameter that the format allows. */
const COST = 10;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const ARCHIVE = Buffer.concat(
  await Array.fromAsync(
    writeArchive(
      {
        manifest: {
          ...{ product: 'qvdc', program: '1.0.0', madeAt: '2030-01-01T12:00:00.000Z' },
          ...{ postgresql: 15, migrations: [], counts: { nodes: 3 }, authority: 'a'.repeat(64) },
        },
        files: new Map([['ca.pem', Buffer.from('authority')]]),
        dump: once(Buffer.alloc(70_000, 'PGDMP')),
      },
      PASSPHRASE,
      COST,
    ),
  ),
);

const FILE = Buffer.from('authority');
const DUMP = Buffer.alloc(100, 'PGDMP');
const MANIFEST = Buffer.from(
  JSON.stringify({
    ...{ product: 'qvdc', program: '1.0.0', madeAt: '2030-01-01T12:00:00.000Z' },
    ...{ postgresql: 15, migrations: [], counts: { nodes: 3 }, authority: 'a'.repeat(64) },
    files: [{ name: 'ca.pem', size: FILE.length, sha256: sha256(FILE).toString('hex') }],
  }),
);

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Makes the plain content of a backup with this text as its manifest. */
function contentWith(manifest: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(manifest.length);
  return Buffer.concat([length, manifest, FILE, DUMP, sha256(DUMP)]);
}

/**
 * Backups: a changed one is refused; the content of one with a valid seal may be anything. Some backups are left
 * unchanged on purpose, because each backup has a random salt, so no seed would reliably produce an unchanged one.
 */
export const backup: Target = {
  name: 'backup',
  async once(random) {
    const isSealed = random.below(2) === 0;
    const bytes = isSealed ? await sealed(random) : mutateMost(ARCHIVE, random);
    const { dump } = await openArchive(once(bytes), PASSPHRASE);
    for await (const _piece of dump);
    if (!isSealed && !bytes.equals(ARCHIVE)) throw new Error('a changed backup was accepted');
  },
};

async function sealed(random: Random): Promise<Buffer> {
  const content =
    random.below(2) === 0
      ? contentWith(mutate(MANIFEST, random))
      : mutate(contentWith(MANIFEST), random);
  return Buffer.concat(await Array.fromAsync(seal(once(content), PASSPHRASE, COST)));
}
