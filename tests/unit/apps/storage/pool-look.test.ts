import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PoolLook } from '../../../../apps/storage/pool-look.ts';
import { temporaryFolder } from '../../folder.ts';

/** A pool in a folder, which has one volume and was observed once. */
async function observed() {
  const folder = join(await temporaryFolder(), 'pool');
  await mkdir(folder);
  await writeFile(join(folder, 'web.img'), 'web');
  const pool = new PoolLook();
  const place = { source: '/dev/sdb', folder, others: new Set<string>(), readOnly: false };
  const look = () => pool.look({ ...place, isProbed: false });
  expect(await look()).toMatchObject({ volumesSeen: 'now', volumes: [{ name: 'web.img' }] });
  return { folder, pool, look };
}

const TIME = expect.stringMatching(/^\d{4}-.*Z$/) as string;

test('a pool that does not answer has its last volumes, and the time at which they were listed', async () => {
  const { pool } = await observed();
  expect(pool.silent('it does not answer')).toMatchObject({
    health: 'unknown',
    seen: TIME,
    volumesSeen: TIME,
    volumes: [{ name: 'web.img' }],
  });
});

test('a pool that gives errors is not shown as empty: its space and volumes are those that were seen last', async () => {
  const { folder, look } = await observed();
  await rename(folder, `${folder}.gone`);
  const { total, ...failed } = await look();
  expect(failed).toMatchObject({
    health: 'failed',
    seen: TIME,
    volumesSeen: TIME,
    volumes: [{ name: 'web.img' }],
  });
  expect(total).toBeGreaterThan(0);
});
