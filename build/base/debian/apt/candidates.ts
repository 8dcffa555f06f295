import { existsSync, readFileSync } from 'node:fs';
import type { SourceEntry } from './sources.ts';

/** One suite of one archive. */
export interface Source {
  /** Address of the archive, without a trailing slash. */
  address: string;
  /** `trixie`, `trixie-updates`, `trixie-security`. */
  suite: string;
}

/** Input of `findCandidates`. */
export interface CandidateRequest {
  /** Code name of a release: `trixie`. */
  release: string;
  components: readonly string[];
  /** Debian's name of an architecture. */
  architecture: string;
  /** Address of the mirror that the user asked for. */
  mirror?: string | undefined;
  /** The host's own sources. */
  host: readonly SourceEntry[];
  /** Receives a line about a source that cannot be used. */
  say: (line: string) => void;
}

/** Address of Debian's own archive. */
const DEBIAN = 'http://deb.debian.org/debian';

/** Lists the suites of a release: the release itself, its updates between point releases, and its security fixes. */
function suitesOf(release: string): string[] {
  return [release, `${release}-updates`, `${release}-security`];
}

/**
 * Lists the archives that may have each suite of a release, best first. If the user asked for a mirror, it is the only
 * one; its security archive is assumed at the same address with `-security` appended, as in Debian's own archive.
 * Otherwise the host's sources come first and Debian's own archive last. Whether a source of the host is Debian's is
 * decided later, by its signature.
 */
export function findCandidates(request: CandidateRequest): Map<string, readonly Source[]> {
  const { release, mirror, say } = request;
  return new Map(
    suitesOf(release).map((suite) => {
      const source = (address: string): Source => ({ suite, address: address.replace(/\/+$/, '') });
      if (mirror !== undefined) return [suite, [source(archiveOf(suite, mirror))]];
      const found = ownSources(suite, request);
      for (const address of found.unusable)
        say(`${suite}: apt source ${address} is ignored: name its archive with MIRROR=… to use it`);
      const addresses = new Set([...found.usable, archiveOf(suite, DEBIAN)]);
      return [suite, [...addresses].map(source)];
    }),
  );
}

function archiveOf(suite: string, main: string): string {
  const address = main.replace(/\/+$/, '');
  return suite.endsWith('-security') ? `${address}-security` : address;
}

/** Returns the addresses of the host's sources that have a suite, those that are most likely Debian's first. */
function ownSources(
  suite: string,
  { host, components, architecture }: CandidateRequest,
): { usable: string[]; unusable: string[] } {
  const entries = host.filter(
    (entry) =>
      entry.suites.includes(suite) &&
      entry.components.some((one) => components.includes(one)) &&
      (entry.architectures.length === 0 || entry.architectures.includes(architecture)) &&
      !entry.without.includes(architecture),
  );
  const addresses = entries
    .flatMap(({ addresses: listed, signedBy }) =>
      listed.flatMap((one) =>
        expandMirrors(one).map((address) => ({ address, doubt: doubtOf(address, signedBy) })),
      ),
    )
    .toSorted((a, b) => a.doubt - b.doubt)
    .map(({ address }) => address.replace(/^(?:file|copy):(?=\/(?!\/))/, 'file://'));
  return {
    usable: addresses.filter(isReadable),
    unusable: addresses.filter((address) => !isReadable(address)),
  };
}

function isReadable(address: string): boolean {
  return /^(?:https?|file):\/\//.test(address) && URL.canParse(address);
}

/** Rates how doubtful it is that a source is Debian's, from 0; this affects only the order of attempts. */
function doubtOf(address: string, signedBy: string | undefined): number {
  if (signedBy !== undefined) return signedBy.includes('debian-archive-') ? 0 : 3;
  return /\/debian(?:-security)?\/*$/.test(address) ? 1 : 2;
}

/**
 * Reads the mirrors listed by `mirror+file:PATH`, one per line, lowest priority number first; apt-transport-mirror(1).
 */
function expandMirrors(address: string): string[] {
  const path = /^mirror\+file:(?:\/\/)?(\/.+)$/.exec(address)?.[1];
  if (path === undefined || !existsSync(path)) return [address];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => /^[a-z]/i.test(line))
    .map((line) => {
      const [listed = '', ...settings] = line.split(/\s+/);
      const priority = /(?:^| )priority:(\d+)/.exec(settings.join(' '))?.[1];
      return { listed, priority: Number(priority ?? Number.MAX_SAFE_INTEGER) };
    })
    .toSorted((a, b) => a.priority - b.priority)
    .map(({ listed }) => listed);
}
