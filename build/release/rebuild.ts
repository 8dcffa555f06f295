import type { FileDigest } from './provenance.ts';

/** What the record of a rebuild says; docs/provenance.md describes it. */
export const REBUILD_TYPE = 'https://quantix.internal/rebuilds/v1';

/** What became of a file of a release that was made again. */
export type RemadeFile = { path: string } & (
  | { result: 'same'; sha256: string; remade: string }
  | {
      result: 'differs';
      sha256: string;
      remade: string;
      /** First byte that is not the same; absent where there is nothing to compare with. */
      offset?: number;
      /** In words, as a clause: what has this byte, or why there is no offset. */
      place?: string;
    }
  /** Was published, and was not made. */
  | { result: 'missing'; sha256: string }
  /** Was made, and had not been published. */
  | { result: 'extra'; remade: string }
);

/** A release that was made again, and what came of it. */
export interface Rebuild {
  version: string;
  /** The list of the release, `release.json`. */
  list: FileDigest;
  commit: string;
  /** Version of each host tool, and of the toolchain's Node, with which it was made again. */
  tools: Readonly<Record<string, string>>;
  node: string;
  /** Every file of both, by name. */
  files: readonly RemadeFile[];
}

/** Whether all of a release was made again. */
export function isReproduced({ files }: Pick<Rebuild, 'files'>): boolean {
  return files.every(({ result }) => result === 'same');
}

/**
 * The record of a rebuild: an in-toto Statement v1 about the list of the release and each of its files, to be signed as a
 * provenance is (`sealProvenance`). The same rebuild gives the same bytes: there is no time in it.
 * @returns JSON with its line end
 */
export function formatRebuild({ version, list, commit, tools, node, files }: Rebuild): string {
  const published = files.flatMap((file) =>
    file.result === 'extra' ? [] : [{ name: file.path, sha256: file.sha256 }],
  );
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [list, ...published].map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: REBUILD_TYPE,
    predicate: {
      release: version,
      commit,
      reproduced: isReproduced({ files }),
      environment: { tools, node },
      files,
    },
  };
  return `${JSON.stringify(statement)}\n`;
}
