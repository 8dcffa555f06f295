import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { BuildError } from '../error.ts';
import type { Profile } from '../profile/profile.ts';
import { WORD } from './database.ts';

/** Maximum number of bytes of a file of reviews. */
const GREATEST_FILE = 1024 * 1024;

/** Days for which a review without `expires` is valid. */
const VALIDITY = 365;

const line = z
  .string()
  .regex(/^[^\p{Cc}]+$/u, 'must be text without control characters')
  .max(1000);

const day = z.iso.date('must be a day such as 2026-11-28');

const reviewSchema = z
  .strictObject({
    /** `CVE-2026-1234`, the id in the database. */
    id: z.string().regex(WORD, 'must be an id such as CVE-2026-1234'),
    /** Name of the source package. */
    package: z.string().regex(WORD, 'must be the name of a source package'),
    /** CycloneDX 1.6, `vulnerabilities[].analysis.state`. */
    state: z.enum(['not_affected', 'false_positive', 'resolved', 'exploitable', 'in_triage']),
    /** CycloneDX 1.6, `vulnerabilities[].analysis.justification`. */
    justification: z
      .enum([
        ...['code_not_present', 'code_not_reachable', 'requires_configuration'],
        ...['requires_dependency', 'requires_environment', 'protected_by_compiler'],
        ...['protected_at_runtime', 'protected_at_perimeter', 'protected_by_mitigating_control'],
      ] as const)
      .optional(),
    /** Why the state is as given, for readers of the release. */
    reason: line.min(10, 'must say why, in a sentence'),
    /** Date of the review. */
    date: day,
    /** Date from which on a new review is needed. */
    expires: day.optional(),
    /** Name of the reviewer. */
    reviewer: line,
  })
  .superRefine(({ state, justification, date, expires }, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (state === 'not_affected' && justification === undefined) {
      refuse('justification', 'is missing: not_affected needs one');
    }
    if (state !== 'not_affected' && justification !== undefined) {
      refuse('justification', 'is for not_affected only');
    }
    if (expires !== undefined && expires <= date) refuse('expires', 'must be later than date');
  })
  .transform((review) => ({ ...review, expires: review.expires ?? yearAfter(review.date) }));

const reviewsSchema = z.array(reviewSchema);

/** A review of a vulnerability of the image. */
export type Review = z.infer<typeof reviewSchema>;

function yearAfter(date: string): string {
  return new Date(Date.parse(date) + VALIDITY * 86_400_000).toISOString().slice(0, 10);
}

/** Returns the path of the file with a profile's reviews, which is in the profile's folder. */
export function locateReviews({ file, name }: Pick<Profile, 'file' | 'name'>): string {
  return join(dirname(file), `${name}.vex.yaml`);
}

/**
 * Reads the reviews of a profile.
 * @returns an empty list if the file does not exist
 * @throws BuildError with file, line and column of the first mistake
 */
export async function readReviews(file: string): Promise<Review[]> {
  return existsSync(file) ? parseReviews(await readFile(file, 'utf8'), file) : [];
}

/** Parses a file of reviews; see `readReviews`. */
export function parseReviews(text: string, file: string): Review[] {
  if (text.length > GREATEST_FILE) {
    throw new BuildError({ what: `it has more than ${GREATEST_FILE} bytes`, where: file });
  }
  const lines = new LineCounter();
  const place = (offset: number) => {
    const { line: row, col } = lines.linePos(offset);
    return `${file}, line ${row}, column ${col}`;
  };
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    const [what = 'not YAML'] = error.message.split(/ at line|\n/);
    throw new BuildError({ what, where: place(error.pos[0]) });
  }
  const parsed = reviewsSchema.safeParse(contentOf(document, file) ?? []);
  if (!parsed.success) throw refuse(parsed.error, document, place);
  const seen = new Set<string>();
  for (const [index, review] of parsed.data.entries()) {
    const subject = `${review.id} in ${review.package}`;
    if (seen.has(subject)) {
      const what = `${subject} is reviewed twice`;
      throw new BuildError({ what, where: place(offsetOf(document, [index])) });
    }
    seen.add(subject);
  }
  return parsed.data;
}

function contentOf(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // Thrown for aliases that expand without limit.
    throw new BuildError({ what: 'this YAML cannot be read', where: file, cause });
  }
}

/** Reports the first mistake in the file. */
function refuse(
  error: z.ZodError,
  document: Document.Parsed,
  place: (offset: number) => string,
): BuildError {
  const mistakes = error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    const path = unknown === undefined ? issue.path : [...issue.path, unknown];
    const message = unknown === undefined ? issue.message : 'is unknown';
    const offset = offsetOf(document, path);
    return { offset, key: path.slice(1).join('.'), message, isUnknown: unknown !== undefined };
  });
  // Unknown keys first: a misspelt key also counts as missing.
  const [first = { offset: 0, key: '', message: 'is wrong' }] = mistakes.sort(
    (a, b) => Number(b.isUnknown) - Number(a.isUnknown) || a.offset - b.offset,
  );
  const what = `${first.key === '' ? 'a review' : first.key}: ${first.message}`;
  const fix = 'docs/image-documents.md shows what a review is made of.';
  return new BuildError({ what, where: place(first.offset), fix, cause: error });
}

/** Returns the offset of a key in the text or, if it is missing, of the object that should contain it. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  const keys = path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  for (let length = keys.length; length > 0; length -= 1) {
    const parent = document.getIn(keys.slice(0, length - 1), true) ?? document.contents;
    const last = String(keys[length - 1]);
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === last)
      : undefined;
    if (isNode(pair?.key)) return pair.key.range?.[0] ?? 0;
    const node = document.getIn(keys.slice(0, length), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return 0;
}
