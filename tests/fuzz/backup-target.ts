import { openArchive, writeArchive } from '../../apps/control-plane/backup/archive.ts';
import { seal } from '../../apps/control-plane/backup/sealed-stream.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const PASSPHRASE = 'correct horse';
/** The least memory that the format allows. */
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

const MANIFEST = Buffer.from(
  '\0\0\0\xd1{"product":"qvdc","program":"1.0.0","madeAt":"2030-01-01T12:00:00.000Z","postgresql":15,"migrations":[],"counts":{},"authority":"","files":[{"name":"ca.pem","size":4,"sha256":""}]}',
  'latin1',
);

/** Backups: one that was changed anywhere gives nothing, one that is sealed rightly may hold anything. */
export const backup: Target = {
  name: 'backup',
  async once(random) {
    const isChanged = random.below(2) === 0;
    const bytes = isChanged
      ? mutate(ARCHIVE, random)
      : Buffer.concat(
          await Array.fromAsync(seal(once(mutate(MANIFEST, random)), PASSPHRASE, COST)),
        );
    const { dump } = await openArchive(once(bytes), PASSPHRASE);
    for await (const _piece of dump);
    if (isChanged && !bytes.equals(ARCHIVE)) throw new Error('a backup that was changed was taken');
  },
};
