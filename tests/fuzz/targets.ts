import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { computeIdentity } from '../../build/base/alpine/checksum.ts';
import { canonicalizeIdentity } from '../../build/base/alpine/database/identity.ts';
import { formatDependency, parseAtom } from '../../build/base/alpine/dependency/dependency.ts';
import { openIndexArchive } from '../../build/base/alpine/index/archive.ts';
import { readIndex } from '../../build/base/alpine/index/read.ts';
import { parseStanzas } from '../../build/base/alpine/index/stanza.ts';
import { parseInstalled } from '../../build/base/alpine/installed/read.ts';
import { formatInstalled } from '../../build/base/alpine/installed/write.ts';
import { openPackage } from '../../build/base/alpine/package/open.ts';
import { decodeRecord, isRecord } from '../../build/base/alpine/package/record.ts';
import { readTrustedKeys } from '../../build/base/alpine/signature/keys.ts';
import { compareVersions, isValidVersion } from '../../build/base/alpine/version/compare.ts';
import type { Entry } from '../../build/tree/entry.ts';
import { parseTreePath } from '../../build/tree/path.ts';
import { gzipMember } from '../alpine-mirror/gzip.ts';
import { packIndex } from '../alpine-mirror/index.ts';
import { dataTar, packPackage } from '../alpine-mirror/package.ts';
import { controlPart } from '../alpine-mirror/parts.ts';
import { pkginfo } from '../alpine-mirror/recipe.ts';
import { END_MARK, tarEntry } from '../alpine-mirror/tar.ts';
import { key } from '../unit/alpine/opened.ts';
import { statedOrder } from '../unit/alpine/version/stated-order.ts';
import { Collection } from '../unit/tree/tars.ts';
import { directory, file, hardlink, symlink } from '../unit/tree/trees.ts';
import { acme } from './acme-target.ts';
import { advisories, reviews } from './advisory-targets.ts';
import { answer } from './answer-target.ts';
import { backup } from './backup-target.ts';
import { bootChart } from './boot-chart-target.ts';
import { certificateRequests } from './certificate-request-target.ts';
import { comparison } from './comparison-target.ts';
import { bootState, fat32, gpt, loadOption, mediumFiles, slotTrailer } from './disk-targets.ts';
import { etcd } from './etcd-target.ts';
import { events } from './event-target.ts';
import { givenCertificates } from './given-certificate-target.ts';
import { guest } from './guest-target.ts';
import { hostileTar } from './hostile-tar.ts';
import { cpio, fat, iso, squashfs } from './image-targets.ts';
import { lan, statistics } from './lan-target.ts';
import { machine } from './machine-target.ts';
import { mutate } from './mutate.ts';
import { node } from './node-target.ts';
import { notice } from './notice-target.ts';
import { ova } from './ova-target.ts';
import { program } from './program-target.ts';
import { publicKey } from './public-key-target.ts';
import type { Random } from './random.ts';
import { provenances, releaseFiles, signedRelease } from './release-target.ts';
import { remoteCache } from './remote-cache-target.ts';
import { room } from './room.ts';
import { checksums, minisign, sshAgent, sshSignature } from './signature-targets.ts';
import { support } from './support-target.ts';
import type { Target } from './target.ts';
import { definition, journal, qcow2, spec } from './task-targets.ts';
import { uefiProgramTarget } from './uefi-program-target.ts';
import { update } from './update-target.ts';

const keys = readTrustedKeys([[key.name, key.pem]]);
const where = 'fuzz';
const recipe = {
  name: 'a',
  version: '1.2-r3',
  depends: ['b>=1', '!c', 'so:libc.so.1'],
  provides: ['cmd:a=1', 'virtual'],
  replaces: ['d<2'],
  triggers: ['/usr/*'],
  scripts: { 'post-install': '#!/bin/sh\n' },
  entries: [
    directory('usr'),
    directory('usr/bin'),
    file('usr/bin/a', 'content'),
    symlink('usr/bin/b', '../bin/a'),
    hardlink('usr/bin/c', 'usr/bin/a'),
    file(`usr/${'n'.repeat(120)}`, 'long name'),
  ],
};
const packed = await packPackage(recipe, { key });
const stanza = packed.stanza;
const signedIndex = packIndex({ stanzas: [stanza, stanza.replace('P:a', 'P:b')] }, key);
const indexTar = Buffer.concat([
  tarEntry({ name: 'DESCRIPTION' }, 'v1'),
  tarEntry({ name: 'APKINDEX' }, stanza),
  END_MARK,
]);

/** Files, archives and texts of an index. */
const index: Target = {
  name: 'index',
  once(random) {
    const layer = random.below(3);
    if (layer === 0) readIndex({ bytes: mutate(signedIndex, random), keys, where });
    else if (layer === 1) openIndexArchive(gzipMember(mutate(indexTar, random), 1), where);
    else parseStanzas(mutate(Buffer.from(stanza + stanza), random).toString('utf8'), where);
  },
};

const tar = Buffer.concat([...dataTar(recipe.entries)]).subarray(0, -8192);

/** A package with valid hashes and any content of its data and control parts. */
function resealed(random: Random): { bytes: Buffer; identity: string } {
  const layer = random.below(4);
  const content = layer === 0 ? tar : layer === 1 ? mutate(tar, random) : hostileTar(random);
  const data = gzipMember(content, 1);
  const text = pkginfo(recipe, createHash('sha256').update(data).digest('hex'));
  const control = controlPart(layer === 0 ? mutate(Buffer.from(text), random).toString() : text);
  return { bytes: Buffer.concat([control, data]), identity: computeIdentity(control) };
}

/** Files of packages. */
const archive: Target = {
  name: 'package',
  async once(random) {
    const { bytes, identity } =
      random.below(3) === 0
        ? { bytes: mutate(packed.bytes, random), identity: packed.identity }
        : resealed(random);
    const path = join(room(), 'a.apk');
    writeFileSync(path, bytes);
    const sink = new Collection();
    await openPackage({ file: path, keys, identity, origin: where, sink });
    for (const entry of sink.entries) checkInside(entry);
  },
};

/** @throws Error if an entry is not in the tree, or its record cannot be read */
function checkInside(entry: Entry): void {
  const paths = entry.type === 'hardlink' ? [entry.path, entry.target] : [entry.path];
  for (const path of paths) {
    if (parseTreePath(path, where) !== path || path === '')
      throw new Error(`${path} is not in the tree`);
  }
  if (!isRecord(entry) || entry.type !== 'file' || entry.content.in !== 'memory') return;
  decodeRecord(Buffer.from(entry.content.bytes), where);
}

const database = Buffer.from(
  `C:${packed.identity}\nP:a\nV:1.2-r3\nA:x86_64\nS:1\nI:1\nT:x\nU:\nL:MIT\nt:17\nD:b c>1\nr:d\nq:1\ns:edge\nf:fs\n` +
    `F:\nR:x\nZ:${packed.identity}\nF:etc\nM:0:1:1777\nR:y\na:0:42:640:${packed.identity}\nZ:${packed.identity}\n\n`,
);

/** Installed databases; an accepted one must be the same after formatting and parsing. */
const installed: Target = {
  name: 'installed',
  once(random) {
    const written = formatInstalled(
      parseInstalled(mutate(database, random).toString('utf8'), where),
    );
    const again = formatInstalled(parseInstalled(written, where));
    if (again !== written) throw new Error('it does not stand being written and read');
  },
};

const VERSIONS = [
  '1.2.3-r4',
  '1.2_rc1-r0',
  '1.2_alpha2_p3',
  '20230101',
  '1.2b_git20200101-r1',
  '0.1~0a1b2c-r2',
  '1.02',
] as const;

/** Versions and dependencies; versions must be totally ordered. */
const version: Target = {
  name: 'version',
  once(random) {
    const [a, b] = [randomVersion(random), randomVersion(random)];
    isValidVersion(a);
    if (compareVersions(a, a) !== 0) throw new Error(`${JSON.stringify(a)} differs from itself`);
    if (compareVersions(a, b) + compareVersions(b, a) !== 0) {
      throw new Error(`${JSON.stringify(a)} and ${JSON.stringify(b)} have no order`);
    }
    if (isValidVersion(a) && isValidVersion(b) && compareVersions(a, b) !== statedOrder(a, b)) {
      throw new Error(`${JSON.stringify(a)} and ${JSON.stringify(b)} are not in the stated order`);
    }
    const atom = parseAtom(
      `${random.pick(['a', '!a', 'a@t'])}${random.pick(['', '=', '>~', '><'])}${a}`,
      String,
    );
    if (atom !== undefined) formatDependency(atom);
  },
};

const DIGEST = createHash('sha256').update('x').digest();
const IDENTITIES = [
  `Q1${DIGEST.subarray(0, 20).toString('base64')}`,
  `Q2${DIGEST.toString('base64')}`,
  `Q1${DIGEST.toString('base64')}`,
  `Q1${DIGEST.subarray(0, 20).toString('base64')}${DIGEST.subarray(20).toString('base64')}`,
  `X1${DIGEST.subarray(0, 20).toString('hex')}`,
  `X2${DIGEST.toString('hex')}`,
] as const;

/** Identities of packages: an accepted one has a single spelling, which is accepted unchanged. */
const identity: Target = {
  name: 'identity',
  once(random) {
    const text = Buffer.from(random.pick(IDENTITIES));
    const canonical = canonicalizeIdentity(mutate(text, random).toString('latin1'));
    if (canonical !== undefined && canonicalizeIdentity(canonical) !== canonical) {
      throw new Error(`${JSON.stringify(canonical)} is not the only spelling of itself`);
    }
  },
};

function randomVersion(random: Random): string {
  return mutate(Buffer.from(random.pick(VERSIONS)), random)
    .toString('utf8')
    .slice(0, 64);
}

/** All targets. */
export const TARGETS: readonly Target[] = [
  ...[index, archive, installed, version, identity, machine],
  ...[
    squashfs,
    cpio,
    fat,
    iso,
    ova,
    etcd,
    node,
    notice,
    guest,
    lan,
    statistics,
    bootChart,
    support,
  ],
  backup,
  update,
  ...[
    spec,
    journal,
    qcow2,
    definition,
    publicKey,
    certificateRequests,
    givenCertificates,
    acme,
    signedRelease,
    answer,
    provenances,
    releaseFiles,
  ],
  ...[gpt, fat32, bootState, slotTrailer, mediumFiles, loadOption],
  ...[program, uefiProgramTarget, remoteCache, comparison],
  ...[advisories, reviews, events],
  ...[checksums, minisign, sshSignature, sshAgent],
];
