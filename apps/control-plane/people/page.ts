import * as z from 'zod';
import { ApiError } from '../../http/error.ts';

/** Rows of a page: by default, and at most. */
const USUAL = 50;
const MOST = 500;

/** Query parameters of every list, besides its filters: number of rows, and the row to start after. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'is not a number from 1 to 500')
    .transform(Number)
    .refine((limit) => limit <= MOST, 'is not a number from 1 to 500')
    .optional(),
  /** `next` of the previous page. */
  cursor: z.string().max(2000).optional(),
};

/** Start of a page: after the row with this sort key and id. */
export interface Position {
  readonly key: string;
  readonly id: string;
}

/** The requested page. */
export interface PageChoice {
  readonly limit: number;
  readonly after: Position | undefined;
}

const positionSchema = z.tuple([
  z.string().refine((one) => one.isWellFormed() && !one.includes('\0')),
  z.guid(),
]);

/** Parses the parameters of a page. @throws ApiError 400 if the cursor is invalid */
export function parsePage({
  limit = USUAL,
  cursor,
}: {
  limit?: number | undefined;
  cursor?: string | undefined;
}): PageChoice {
  return { limit, after: cursor === undefined ? undefined : parseCursor(cursor) };
}

function parseCursor(cursor: string): Position {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    value = undefined;
  }
  const parsed = positionSchema.safeParse(value);
  if (!parsed.success) throw invalidCursor();
  const [key, id] = parsed.data;
  return { key, id };
}

/** Creates the error for an invalid cursor. */
export function invalidCursor(): ApiError {
  return new ApiError(400, 'cursor of the query: is not valid', {
    fix: 'Take it from next of the page before.',
  });
}

/** Creates the schema of a list: rows, and the cursor of the next page, which is null on the last page. */
export function createPageSchema<Row extends z.ZodType>(row: Row) {
  return z.object({ items: z.array(row), next: z.string().nullable() });
}

/**
 * Creates a page from rows, of which one more than the limit was read.
 * @param positionOf returns the position of a row
 */
export function createPage<Row, Shown>(
  rows: readonly Row[],
  { limit }: PageChoice,
  { show, positionOf }: { show: (row: Row) => Shown; positionOf: (row: Row) => Position },
): { items: Shown[]; next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: shown.map(show), next: more ? cursorOf(positionOf(last)) : null };
}

function cursorOf({ key, id }: Position): string {
  return Buffer.from(JSON.stringify([key, id])).toString('base64url');
}
