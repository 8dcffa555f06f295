import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, expect, test } from 'vitest';
import {
  combineStates,
  readSourceState,
  requireCommit,
} from '../../../build/image/source-state.ts';
import { openEnvelope } from '../../../build/release/envelope.ts';
import { readPublicKey } from '../../../build/release/keys.ts';
import { BUILD_TYPE, STATEMENT_TYPE } from '../../../build/release/provenance.ts';
import { formatCycloneDx } from '../../../build/sbom/cyclonedx.ts';
import { formatSpdx } from '../../../build/sbom/spdx.ts';
import { main } from '../../../tasks/command-line.ts';
import { locateProvenance, writeProvenance } from '../../../tasks/provenance.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';
import { locked, materials } from '../sbom/bill.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();
let folder = '';
const at = (name: string) => join(folder, name);
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

beforeEach(async () => {
  folder = await temporaryFolder();
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Creates an image with its manifest and bills of materials, as `qx-build iso` does. */
async function built(changes: object = {}, packages = materials.packages) {
  const manifest = {
    ...{ format: 1, profile: 'qvdc', title: 'QvDC', version: '1.2.3', base: 'debian' },
    ...{ architecture: 'x86_64', flavour: 'full', imageFormat: 'iso', release: true },
    ...{ buildId: '0123456789abcdef', sourceDateEpoch: 1_700_000_000 },
    iso: { name: 'qvdc.iso', size: 5, sha256: sha256('bytes') },
    inputs: {
      packages: materials.packages.map(({ name, version, sha256 }) => ({ name, version, sha256 })),
      compression: '-comp xz',
      tools: { xorriso: '1.5.6' },
      releaseKeys: [],
      node: 'v26.0.0',
    },
    source: { commit: COMMIT, dirty: false },
    ...changes,
  };
  const of = { ...materials, packages };
  await mkdir(at('dist'), { recursive: true });
  const file = at('dist/qvdc.iso');
  await writeFile(file, 'bytes');
  await writeFile(`${file}.manifest.json`, JSON.stringify(manifest));
  await writeFile(`${file}.cdx.json`, formatCycloneDx(of));
  await writeFile(`${file}.spdx.json`, formatSpdx(of));
  return file;
}

test('the statement for an image with additions has them among its external parameters', async () => {
  const added = { packages: ['htop'], cmdline: ['nomodeset'] };
  const file = await built({ release: false, added });
  expect(await main(['provenance', file])).toBe(0);
  const { predicate } = JSON.parse(await readFile(`${file}.intoto.json`, 'utf8'));
  expect(predicate.buildDefinition.externalParameters).toMatchObject({ release: false, added });
});

test('the statement names the image, the commit, all packages and artifacts, the manifest and the bills of materials', async () => {
  const file = await built();
  expect(await main(['provenance', file])).toBe(0);
  expect(output.printed).toBe(`${file}.intoto.json\n`);
  const text = await readFile(`${file}.intoto.json`, 'utf8');
  expect(JSON.parse(text)).toEqual({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'qvdc.iso', digest: { sha256: sha256('bytes') } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          ...{ profile: 'qvdc', version: '1.2.3', base: 'debian', architecture: 'x86_64' },
          ...{ flavour: 'full', format: 'iso', release: true },
        },
        internalParameters: {
          ...{ buildId: '0123456789abcdef', sourceDateEpoch: 1_700_000_000 },
          ...{ compression: '-comp xz', releaseKeys: [], node: 'v26.0.0' },
          tools: { xorriso: '1.5.6' },
        },
        resolvedDependencies: [
          { name: 'source', digest: { gitCommit: COMMIT } },
          {
            uri: 'pkg:deb/debian/libc6@1:2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12',
            digest: { sha256: 'ab'.repeat(32) },
          },
          {
            name: 'node',
            digest: { sha256: 'cd'.repeat(32) },
            downloadLocation: 'https://registry.npmjs.org/node.tgz',
          },
          {
            uri: 'pkg:deb/debian/zlib1g@1:2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12&upstream=zlib',
            digest: { sha256: 'ab'.repeat(32) },
          },
        ],
      },
      runDetails: {
        builder: { id: 'https://quantix.internal/builders/by-hand' },
        byproducts: await Promise.all(
          ['cdx', 'manifest', 'spdx'].map(async (document) => ({
            name: `qvdc.iso.${document}.json`,
            digest: { sha256: sha256(await readFile(`${file}.${document}.json`, 'utf8')) },
          })),
        ),
      },
    },
  });
  await main(['provenance', file]);
  expect(await readFile(`${file}.intoto.json`, 'utf8')).toBe(text);
});

test('the command of docs/provenance.md signs it, and the page describes the build type', async () => {
  const file = await built();
  expect(await main(['key', 'new', at('release.key'), '--plain'])).toBe(0);
  const page = await readFile(join(PROJECT, 'docs/provenance.md'), 'utf8');
  expect(page).toContain(`## Build type \`${BUILD_TYPE}\``);
  const block = /^```sh of provenance\n([\s\S]*?)^```/m.exec(page)?.[1] ?? '';
  const npm = `npm() { shift 4; '${process.execPath}' '${PROJECT}/tasks/qx-build.ts' "$@"; }`;
  const { stdout } = await execa('bash', ['-euc', `${npm}\n${block}`], { cwd: folder });
  expect(stdout).toBe('dist/qvdc.iso.intoto.json\ndist/qvdc.iso.intoto.jsonl');
  const trusted = [
    readPublicKey(await readFile(at('release.pem'), 'utf8'), 'release', 'release.pem'),
  ];
  const envelope = await readFile(`${file}.intoto.jsonl`, 'utf8');
  const { payload } = openEnvelope(envelope, {
    payloadType: STATEMENT_TYPE,
    trusted,
    where: 'qvdc.iso.intoto.jsonl',
  });
  expect(payload.toString()).toBe(await readFile(`${file}.intoto.json`, 'utf8'));
});

test('a development build from changed files is reported and marked, a release from them is refused', async () => {
  const source = { commit: COMMIT, dirty: true };
  const file = await built({ source, release: false });
  expect(await main(['provenance', file])).toBe(0);
  expect(output.printed).toContain(`Warning: ${file} was built from files that no commit has.`);
  const { predicate } = JSON.parse(await readFile(`${file}.intoto.json`, 'utf8'));
  const [first] = predicate.buildDefinition.resolvedDependencies;
  expect(first).toMatchObject({ digest: { gitCommit: COMMIT }, annotations: { dirty: true } });
  await built({ source });
  expect(await main(['provenance', file])).toBe(1);
  expect(output.complained).toContain('a release is built from a commit (qvdc.iso)');
});

test('the other formats of an image are further subjects', async () => {
  const file = await built();
  const forms = [{ name: 'qvdc.ova', sha256: 'ef'.repeat(32) }];
  await writeProvenance(file, { forms, builder: 'https://ci.example/', signer: undefined });
  const { subject, predicate } = JSON.parse(await readFile(locateProvenance(file), 'utf8'));
  expect(subject).toEqual([
    { name: 'qvdc.iso', digest: { sha256: sha256('bytes') } },
    { name: 'qvdc.ova', digest: { sha256: 'ef'.repeat(32) } },
  ]);
  expect(predicate.runDetails.builder.id).toBe('https://ci.example/');
});

test.each([
  ['whose manifest names no commit', { source: null }, 'its manifest names no commit'],
  [
    'with the manifest of another image',
    { iso: { sha256: '0'.repeat(64) } },
    'the manifest is that of another image',
  ],
  [
    'with the manifest of an older version',
    { release: undefined },
    'it is not as this version writes it',
  ],
])('an image %s is refused, and nothing is written', async (_, changes, message) => {
  const file = await built(changes);
  expect(await main(['provenance', file])).toBe(1);
  expect(output.complained).toContain(message);
  expect((await readdir(at('dist'))).filter((name) => name.includes('intoto'))).toEqual([]);
});

test('a bill of materials of another image is refused', async () => {
  const file = await built({}, [locked('other', { sha256: 'ef'.repeat(32) })]);
  expect(await main(['provenance', file])).toBe(1);
  expect(output.complained).toContain('the bill of materials is that of another image');
});

test('the state of the sources is the commit, and whether files differ from it', async () => {
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words], {
      cwd: folder,
      env: { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
    });
  await mkdir(at('below'));
  expect(await readSourceState(folder)).toBeUndefined();
  await expect(requireCommit(folder)).rejects.toThrow('this is not a git repository');
  await git('init', '-q');
  expect(await readSourceState(folder)).toBeUndefined();
  await writeFile(at('.gitignore'), '/dist/\n');
  await git('add', '.');
  await git('commit', '-qm', 'first');
  const { stdout: commit } = await git('rev-parse', 'HEAD');
  await built();
  expect(await readSourceState(folder)).toEqual({ commit, dirty: false });
  await requireCommit(folder);
  expect(await readSourceState(at('below'))).toBeUndefined();
  await writeFile(at('new'), '');
  expect(await readSourceState(folder)).toEqual({ commit, dirty: true });
  await expect(requireCommit(folder)).rejects.toThrow(`files differ from ${commit.slice(0, 12)}`);
});

test.each([
  ['nothing changed', COMMIT, false, false],
  ['a file was changed', COMMIT, true, true],
  ['another commit was checked out', COMMIT.replace('0', 'f'), false, true],
])(
  'if %s during a build, its sources are named by the commit from before the build',
  (_, commit, changed, dirty) => {
    const before = { commit: COMMIT, dirty: false };
    const state = combineStates(before, { commit, dirty: changed });
    expect(state).toEqual({ commit: COMMIT, dirty });
    expect(combineStates({ ...before, dirty: true }, before)).toMatchObject({ dirty: true });
    expect(combineStates(undefined, before)).toBeUndefined();
  },
);
