import type { Executor } from '../database.ts';
import type { Row } from '../rows.ts';

/** The certificate that people are shown instead of the control plane's own. */
export type PeopleCertificateRow = Omit<Row<'peopleCertificate'>, 'single'>;

/** Reads the certificate; `undefined` if there is none. */
export async function readPeopleCertificate(
  db: Executor,
): Promise<PeopleCertificateRow | undefined> {
  return await db
    .selectFrom('peopleCertificate')
    .select(['chain', 'privateKey', 'setBy', 'setAt'])
    .executeTakeFirst();
}

/** Stores a certificate in place of the present one, if any. */
export async function setPeopleCertificate(db: Executor, row: PeopleCertificateRow): Promise<void> {
  await db
    .insertInto('peopleCertificate')
    .values(row)
    .onConflict((one) => one.column('single').doUpdateSet(row))
    .execute();
}

/** Removes the certificate. @returns whether there was one */
export async function removePeopleCertificate(db: Executor): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('peopleCertificate').executeTakeFirst();
  return numDeletedRows > 0n;
}
