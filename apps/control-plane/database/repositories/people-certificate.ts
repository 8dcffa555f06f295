import type { Executor } from '../database.ts';
import type { Row } from '../rows.ts';

/** The certificate that people are shown in place of the control plane's own. */
export type PeopleCertificateRow = Omit<Row<'peopleCertificate'>, 'single'>;

/** Reads it; `undefined` if there is none. */
export async function readPeopleCertificate(
  db: Executor,
): Promise<PeopleCertificateRow | undefined> {
  return await db
    .selectFrom('peopleCertificate')
    .select(['chain', 'privateKey', 'setBy', 'setAt'])
    .executeTakeFirst();
}

/** Puts one in the place of the one that is there, if there is one. */
export async function setPeopleCertificate(db: Executor, row: PeopleCertificateRow): Promise<void> {
  await db
    .insertInto('peopleCertificate')
    .values(row)
    .onConflict((one) => one.column('single').doUpdateSet(row))
    .execute();
}

/** @returns whether there was one */
export async function removePeopleCertificate(db: Executor): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('peopleCertificate').executeTakeFirst();
  return numDeletedRows > 0n;
}
