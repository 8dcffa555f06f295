import type { Executor } from '../database.ts';
import type { Row } from '../rows.ts';

/** The certificate that people are shown instead of the control plane's own. */
export type PeopleCertificateRow = Omit<Row<'peopleCertificate'>, 'single'>;

/** The order by ACME of that certificate, if it was ordered. */
export type CertificateOrderRow = Omit<Row<'certificateOrder'>, 'single'>;

/** Reads the certificate; `undefined` if there is none. */
export async function readPeopleCertificate(
  db: Executor,
): Promise<PeopleCertificateRow | undefined> {
  return await db
    .selectFrom('peopleCertificate')
    .select(['chain', 'privateKey', 'setBy', 'setAt'])
    .executeTakeFirst();
}

/** Reads the order of the certificate; `undefined` if there is no certificate, or it was not ordered. */
export async function readCertificateOrder(db: Executor): Promise<CertificateOrderRow | undefined> {
  return await db
    .selectFrom('certificateOrder')
    .select(['directory', 'authority', 'names', 'contact', 'accountKey'])
    .executeTakeFirst();
}

/**
 * Stores a certificate in place of the present one, if any.
 * @param order the order by ACME; undefined if the certificate was not ordered
 */
export async function setPeopleCertificate(
  db: Executor,
  row: PeopleCertificateRow,
  order?: CertificateOrderRow,
): Promise<void> {
  await db
    .insertInto('peopleCertificate')
    .values(row)
    .onConflict((one) => one.column('single').doUpdateSet(row))
    .execute();
  await db.deleteFrom('certificateOrder').execute();
  if (order === undefined) return;
  await db
    .insertInto('certificateOrder')
    .values({ ...order, single: true })
    .execute();
}

/** Removes the certificate. @returns whether there was one */
export async function removePeopleCertificate(db: Executor): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('peopleCertificate').executeTakeFirst();
  return numDeletedRows > 0n;
}
