import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../../../error.ts';
import { sha256 } from '../../../step/digest.ts';
import { parseStanzas } from './stanza.ts';

/** Fields of the signed index of a suite; apt has verified its signature. */
export interface Release {
  suite: string;
  /** The distributor: `Debian`. */
  origin: string;
  date: Date;
  /** The time at which the index expires; absent if the index states none. */
  validUntil?: Date | undefined;
  /** SHA-256 of the file. */
  sha256: string;
}

/**
 * Reads the releases that apt verified: `InRelease`, or `Release` if the mirror has the signature in a separate file.
 * @param lists apt's folder of indexes
 * @returns suite → release; a missing suite has no verified index
 * @throws BuildError if a release has no date
 */
export async function readReleases(
  lists: string,
  suites: readonly string[],
): Promise<Map<string, Release>> {
  const files = await readdir(lists);
  const releases = new Map<string, Release>();
  for (const suite of suites) {
    const name = files.find((file) => new RegExp(`_dists_${suite}_(?:In)?Release$`).test(file));
    if (name === undefined) continue;
    const text = await readFile(join(lists, name), 'utf8');
    releases.set(suite, parseRelease(text, { suite, file: name }));
  }
  return releases;
}

/**
 * Parses an `InRelease` or `Release` (https://wiki.debian.org/DebianRepository/Format); does not verify signatures.
 * @param file path of the file, for messages
 * @throws BuildError if it has no date, or is not Debian control data
 */
export function parseRelease(
  text: string,
  { suite, file }: { suite: string; file: string },
): Release {
  const signed =
    /^-----BEGIN PGP SIGNED MESSAGE-----\n(?:.+\n)*\n([\s\S]*?)\n-----BEGIN PGP SIGNATURE/.exec(
      text,
    );
  const [fields = new Map<string, string>()] = parseStanzas(signed?.[1] ?? text, file);
  const date = new Date(fields.get('date') ?? '');
  if (Number.isNaN(date.getTime())) {
    throw new BuildError({ what: `the index of ${suite} has no date`, where: file });
  }
  const until = new Date(fields.get('valid-until') ?? '');
  return {
    suite,
    origin: fields.get('origin') ?? '',
    date,
    ...(!Number.isNaN(until.getTime()) && { validUntil: until }),
    sha256: sha256(text),
  };
}
