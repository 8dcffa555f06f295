import { seal } from '../../build/release/envelope.ts';
import { readPublicKey } from '../../build/release/keys.ts';
import { formatProvenance, parseProvenance } from '../../build/release/provenance.ts';
import { formatReleaseFiles, parseReleaseFiles } from '../../build/release/release-files.ts';
import { RELEASE_TYPE, signRelease, verifyRelease } from '../../build/release/sign.ts';
import { newPair, release } from '../unit/release/releases.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const { secret, signer, trusted, pem } = newPair();
const good = release();
const text = Buffer.from(await signRelease(good, [signer]));
const payload = Buffer.from(JSON.stringify(good));

/** Signed releases, changed before or after they are signed, and files of public keys. */
export const signedRelease: Target = {
  name: 'release',
  once(random) {
    const layer = random.below(3);
    if (layer === 0) {
      const read = verifyRelease(mutate(text, random), [trusted]);
      if (JSON.stringify(read) !== JSON.stringify(good))
        throw new Error('it is not what was signed');
    } else if (layer === 1) {
      const read = verifyRelease(seal(RELEASE_TYPE, mutate(payload, random), [secret]), [trusted]);
      if (!/^images\/[0-9a-f]{64}\.iso$/.test(read.image.path)) throw new Error(read.image.path);
    } else {
      readPublicKey(mutate(Buffer.from(pem), random).toString('utf8'), 'key', 'key.pem');
    }
  },
};

const list = Buffer.from(
  formatReleaseFiles({
    version: '0.1.0',
    files: ['a.iso', 'b.ova'].map((path) => {
      const of = { product: 'qvdc', architecture: 'x86_64' };
      return { path, size: 5, sha256: 'ab'.repeat(32), kind: 'iso', ...of };
    }),
  }),
);

/** Lists of the files of a release. */
export const releaseFiles: Target = {
  name: 'release files',
  once(random) {
    const { files } = parseReleaseFiles(mutate(list, random).toString('utf8'), 'release.json');
    for (const { path } of files) if (/^\.|[/\\\0]/.test(path)) throw new Error(path);
  },
};

const provenance = Buffer.from(
  formatProvenance({
    subjects: [{ name: 'a.iso', sha256: 'ab'.repeat(32) }],
    externalParameters: {
      ...{ profile: 'qvdc', version: '0.1.0', base: 'debian', architecture: 'x86_64' },
      ...{ flavour: 'full', format: 'iso', release: true },
    },
    internalParameters: { tools: { xorriso: '1.5.6' }, node: 'v26.0.0', releaseKeys: [] },
    dependencies: [{ name: 'a', uri: 'pkg:deb/debian/a@1', digest: { sha256: 'cd'.repeat(32) } }],
    source: { commit: '01'.repeat(20), dirty: false },
    builder: 'https://ci.example/',
    byproducts: [],
  }),
);

/** Provenances, from which a release is rebuilt: their fields become arguments of commands. */
export const provenances: Target = {
  name: 'provenance',
  once(random) {
    const { parameters, source } = parseProvenance(mutate(provenance, random), 'provenance');
    const { profile, base, architecture, flavour, version } = parameters;
    for (const word of [profile, base, architecture, flavour, version, source.commit]) {
      if (!/^[0-9a-z][0-9A-Za-z._-]*$/.test(word)) throw new Error(word);
    }
  },
};
