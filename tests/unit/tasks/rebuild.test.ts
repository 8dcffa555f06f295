import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { markCache } from '../../../build/cache/mark.ts';
import { readHostToolVersions } from '../../../build/image/prepare.ts';
import { planRun } from '../../../build/image/release-run.ts';
import { formatLock } from '../../../build/lock/file.ts';
import { formatProvenance, parseProvenance } from '../../../build/release/provenance.ts';
import { readPublished } from '../../../build/release/published.ts';
import { formatRebuild } from '../../../build/release/rebuild.ts';
import { formatReleaseFiles, type ReleaseFile } from '../../../build/release/release-files.ts';
import { signFolder } from '../../../build/release/sign-folder.ts';
import { makePackageUrl } from '../../../build/sbom/materials.ts';
import { main } from '../../../tasks/command-line.ts';
import { checkRelease, type RebuildRequest, remakeRelease } from '../../../tasks/rebuild.ts';
import { makeCommandOutput } from '../../../tasks/ui/events.ts';
import { temporaryFolder } from '../folder.ts';
import { locked, sampleLock } from '../lock/locks.ts';
import { PROJECT } from '../profile/profiles.ts';
import { newPair } from '../release/releases.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();
const ours = newPair('ours');
const others = newPair('others');
const trusted = [ours.trusted];
const packages = [locked('bash'), locked('linux', { flavour: 'full', sha256: 'c'.repeat(64) })];
const lock = sampleLock({
  packages: [...packages, locked('linux', { flavour: 'virt', sha256: 'd'.repeat(64) })],
});

let folder = '';
const at = (name: string) => join(folder, name);
const git = (...words: string[]) =>
  execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words], {
    cwd: at('project'),
    env: { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
  });

/** A stand-in for the project's `qx-build release`: its image is a source file plus a text from the environment. */
const RELEASE = `
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
const { OF_RUN = '' } = process.env;
const words = process.argv.slice(2).join(' ');
writeFileSync(process.env.WORDS, words + '\\n' + process.env.QUANTIX_CACHE);
if (OF_RUN === 'fails') { console.error('no space'); process.exit(1); }
const folder = process.argv[process.argv.indexOf('--output') + 1] + '/0.2.0';
mkdirSync(folder, { recursive: true });
const { list } = JSON.parse(readFileSync(process.env.MADE, 'utf8'));
for (const { path } of list.files) cpSync(process.env.FROM + '/' + path, folder + '/' + path);
writeFileSync(folder + '/qvdc.iso', readFileSync(import.meta.dirname + '/../image') + OF_RUN);
const { createHash } = await import('node:crypto');
const sha256 = createHash('sha256').update(readFileSync(folder + '/qvdc.iso')).digest('hex');
for (const file of list.files) if (file.path === 'qvdc.iso') Object.assign(file, { sha256 });
writeFileSync(folder + '/release.json', JSON.stringify(list));
`;

/** Commits the sources, and publishes the release of that commit. @returns the commit */
async function publish(
  changes: Partial<Parameters<typeof formatProvenance>[0]> = {},
): Promise<string> {
  await git('add', '.');
  await git('commit', '--allow-empty', '-qm', 'a release');
  const { stdout: commit } = await git('rev-parse', 'HEAD');
  await mkdir(at('0.2.0'), { recursive: true });
  const image = await readFile(at('project/image'), 'utf8');
  const tools = await readHostToolVersions({
    architecture: 'x86_64',
    cache: cacheRooms(at('cache')),
    converts: false,
  });
  const provenance = formatProvenance({
    subjects: [{ name: 'qvdc.iso', sha256: sha256(image) }],
    externalParameters: {
      ...{ profile: 'qvdc', version: '0.2.0', base: 'debian', architecture: 'x86_64' },
      ...{ flavour: 'full', format: 'iso', release: true },
    },
    internalParameters: { tools, node: process.version, releaseKeys: [] },
    dependencies: packages.map((one) => ({
      name: one.name,
      uri: makePackageUrl(one, { base: 'debian', suite: 'bookworm' }),
      digest: { sha256: one.sha256 },
    })),
    source: { commit, dirty: false },
    ...{ builder: 'https://ci.example/', byproducts: [], ...changes },
  });
  const texts = { 'qvdc.iso': image, 'qvdc.iso.intoto.json': provenance };
  const files = Object.entries(texts).map(([path, text]) => ({
    ...{ path, size: text.length, sha256: sha256(text) },
    kind: path.endsWith('.iso') ? ('iso' as const) : ('provenance' as const),
  }));
  for (const [path, text] of Object.entries(texts)) await writeFile(at(`0.2.0/${path}`), text);
  const list = { format: 1, version: '0.2.0', files };
  await writeFile(at('0.2.0/release.json'), formatReleaseFiles(list));
  await writeFile(at('made.json'), JSON.stringify({ list }));
  await cp(at('0.2.0'), at('from'), { recursive: true });
  await signFolder(at('0.2.0'), { signer: ours.signer });
  return commit;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Reads the release and rebuilds it. */
async function check(changes: Partial<RebuildRequest> = {}) {
  const published = await readPublished(at('0.2.0/release.json'), trusted);
  return checkRelease(published, request(changes), makeCommandOutput({ json: false }));
}

const request = (changes: Partial<RebuildRequest> = {}): RebuildRequest => ({
  ...{ project: at('project'), cache: cacheRooms(at('cache')), options: [], otherTools: false },
  ...{ signal: new AbortController().signal, ...changes },
});

beforeEach(async () => {
  folder = await temporaryFolder();
  for (const path of ['project/tasks', 'project/profiles', 'cache']) {
    await mkdir(at(path), { recursive: true });
  }
  markCache(cacheRooms(at('cache')));
  const texts = {
    'tasks/qx-build.ts': RELEASE,
    'profiles/qvdc.debian.x86_64.lock.json': formatLock(lock),
    'package.json': '{"type":"module"}',
    ...{ 'package-lock.json': '{}', image: 'an image', '.gitignore': '/node_modules\n' },
  };
  for (const [path, text] of Object.entries(texts)) await writeFile(at(`project/${path}`), text);
  await git('init', '-q');
  vi.stubEnv('WORDS', at('words'));
  vi.stubEnv('MADE', at('made.json'));
  vi.stubEnv('FROM', at('from'));
  onTestFinished(() => void vi.unstubAllEnvs());
});

test('a release is rebuilt from its commit, and the clone, its changes and the cache stay unchanged', async () => {
  const commit = await publish();
  await writeFile(at('project/image'), 'of a later commit');
  await git('commit', '-qam', 'later');
  await writeFile(at('project/image'), 'changed and not committed');
  const before = await git('status', '--porcelain', '--branch');
  const rebuild = await check({ options: ['--offline'] });
  expect(rebuild).toMatchObject({ version: '0.2.0', commit, node: process.version });
  expect(rebuild.files.map(({ path, result }) => [path, result])).toEqual([
    ['qvdc.iso', 'same'],
    ['qvdc.iso.intoto.json', 'same'],
  ]);
  const [words = '', cache] = (await readFile(at('words'), 'utf8')).split('\n');
  expect(words).toMatch(
    /^release --base debian --flavour full --profile qvdc --arch x86_64 --format iso --output \S+ --offline$/,
  );
  expect(cache).not.toBe(at('cache'));
  expect((await git('status', '--porcelain', '--branch')).stdout).toBe(before.stdout);
  expect(await readdir(at('project/.git'))).not.toContain('worktrees');
  expect(await readdir(at('cache/tmp'))).toEqual([]);
});

test('a difference is reported with its first byte, and recorded', async () => {
  const commit = await publish();
  vi.stubEnv('OF_RUN', ' of another run');
  const rebuild = await check();
  expect(rebuild.files[0]).toMatchObject({ path: 'qvdc.iso', result: 'differs', offset: 8 });
  const { subject, predicateType, predicate } = JSON.parse(formatRebuild(rebuild));
  expect(predicateType).toBe('https://quantix.internal/rebuilds/v1');
  const list = await readFile(at('0.2.0/release.json'), 'utf8');
  expect(subject[0]).toEqual({ name: 'release.json', digest: { sha256: sha256(list) } });
  expect(subject[1]).toEqual({ name: 'qvdc.iso', digest: { sha256: sha256('an image') } });
  expect(predicate).toMatchObject({ release: '0.2.0', commit, reproduced: false });
  expect(predicate.files[0]).toEqual(rebuild.files[0]);
  expect(formatRebuild(await check())).toBe(formatRebuild(rebuild));
});

test('the rebuilt files are kept in the folder that is named, but never over the release itself', async () => {
  await publish();
  const published = await readPublished(at('0.2.0/release.json'), trusted);
  const remake = (to: string) =>
    remakeRelease(
      published,
      request({ output: to }),
      makeCommandOutput({ json: false }),
      async (made) => made.folder,
    );
  expect(await remake(at('again'))).toBe(at('again/0.2.0'));
  expect(await readFile(at('again/0.2.0/qvdc.iso'), 'utf8')).toBe('an image');
  await expect(remake(folder)).rejects.toThrow(`that is to be made again (${at('0.2.0')})`);
});

test("the npm packages of the release's lock are installed, and its Node is used", async () => {
  const makefile = `node_modules/.ready:\n\tmkdir -p node_modules/.bin\n\tln -s '${process.execPath}' node_modules/.bin/node\n`;
  await writeFile(at('project/Makefile'), makefile);
  await publish();
  await writeFile(at('project/package-lock.json'), '{ }');
  expect((await check()).files[0]?.result).toBe('same');
  expect(output.printed).toContain('installing the npm packages of the commit');
});

test('the run that made a release is derived from its images: products, CPUs and formats', async () => {
  await publish();
  const published = await readPublished(at('0.2.0/release.json'), trusted);
  const [provenance] = published.provenances;
  if (provenance === undefined) throw new Error('no provenance');
  const plan = (formats: Readonly<Record<string, readonly ReleaseFile['kind'][]>>) => {
    const images = Object.entries(formats).map(([image, kinds]) => {
      const [profile = '', architecture = ''] = image.split(' ');
      return {
        profile,
        architecture,
        files: kinds.map((kind) => ({ kind, path: `${image}.${kind}` })),
      };
    });
    const { list, sha256: ofList } = published;
    const files = images.flatMap((one) =>
      one.files.map((file) => ({ ...file, size: 1, sha256: '0'.repeat(64) })),
    );
    const {
      profiles,
      architectures,
      formats: asked,
    } = planRun({
      ...{ folder, sha256: ofList, list: { ...list, files } },
      provenances: images.map((one) => ({
        ...provenance,
        parameters: {
          ...provenance.parameters,
          profile: one.profile,
          architecture: one.architecture,
        },
        subjects: one.files.map(({ path }) => ({ name: path, sha256: '0'.repeat(64) })),
      })),
    });
    return [profiles, architectures, asked];
  };
  const ofArm = ['iso', 'raw', 'qcow2', 'netboot', 'rootfs', 'oci'] as const;
  const all = { 'qvdc x86_64': [...ofArm, 'vmdk', 'ova'], 'qvdc arm64': ofArm } as const;
  expect(plan(all)).toEqual([['qvdc'], ['x86_64', 'arm64'], []]);
  const some = ['iso', 'oci'] as const;
  expect(plan({ 'qvdc x86_64': some, 'small x86_64': some })).toEqual([
    ['qvdc', 'small'],
    ['x86_64'],
    ['iso', 'oci'],
  ]);
  expect(() => plan({ 'qvdc x86_64': some, 'small x86_64': ['iso'] })).toThrow('by one run');
  expect(() => plan({ 'qvdc x86_64': some, 'small arm64': some })).toThrow('by one run');
});

describe('a release is not rebuilt', () => {
  test('if the commit is not in the clone, or there is no clone', async () => {
    const commit = await publish();
    await git('commit', '-q', '--amend', '-m', 'another one');
    await git('reflog', 'expire', '--expire=now', '--all');
    await git('gc', '-q', '--prune=now');
    await expect(check()).rejects.toThrow(
      `commit ${commit} is not in this clone (${at('project')}). Fetch it`,
    );
    await expect(check({ project: folder })).rejects.toThrow('this is not a clone of the sources');
  });

  test('if the release was built from changed files', async () => {
    const { stdout: commit } = await git('commit', '--allow-empty', '-qm', 'x').then(() =>
      git('rev-parse', 'HEAD'),
    );
    await publish();
    const published = await readPublished(at('0.2.0/release.json'), trusted);
    const [provenance] = published.provenances;
    if (provenance === undefined) throw new Error('no provenance');
    const plan = (changes: object) =>
      planRun({ ...published, provenances: [provenance, { ...provenance, ...changes }] });
    expect(() => plan({ source: { commit, dirty: true } })).toThrow(
      'files that differed from commit',
    );
    expect(() => plan({ source: { commit, dirty: false } })).toThrow('not made by one run');
    const { parameters } = provenance;
    expect(() => plan({ parameters: { ...parameters, release: false } })).toThrow('a development');
    expect(() => plan({ parameters: { ...parameters, architecture: 'riscv' } })).toThrow(
      'CPU riscv',
    );
    expect(() => planRun({ ...published, list: { ...published.list, version: '0.3.0' } })).toThrow(
      'its images have version 0.2.0, but the release has 0.3.0',
    );
  });

  test('if the lock of the commit has other packages', async () => {
    await publish({ dependencies: [] });
    await expect(check()).rejects.toThrow(
      /not made from this lock: \+ bash 1\.0 and 1 more \(profiles\/qvdc\.debian\.x86_64\.lock\.json of commit/,
    );
    await rm(at('project/profiles/qvdc.debian.x86_64.lock.json'));
    await publish();
    await expect(check()).rejects.toThrow('the commit has no lock of an image of the release');
  });

  test('if tools have other versions, which are named, unless this is allowed', async () => {
    const tools = { xorriso: '0.1', mksquashfs: 'not used' };
    await publish({ internalParameters: { tools, node: 'v1.0.0', releaseKeys: [] } });
    await expect(check()).rejects.toThrow(/made with other tools: xorriso 0\.1, here \d\S+\./);
    expect((await check({ otherTools: true })).files[0]?.result).toBe('same');
    expect(output.printed).toMatch(
      /xorriso 0\.1, here .*The rebuilt files may differ because of that\./,
    );
    expect(output.printed).toMatch(
      /Node v1\.0\.0, here v\d+\S+ The rebuilt files may differ because of that\./,
    );
    await publish({ internalParameters: { tools: {}, node: 'v1.0.0', releaseKeys: [] } });
    await expect(check()).rejects.toThrow(/made with other tools: Node v1\.0\.0, here v\d/);
  });

  test('if the images trust other release keys', async () => {
    const internalParameters = {
      tools: {},
      node: process.version,
      releaseKeys: [ours.trusted.id],
    };
    await publish({ internalParameters });
    await expect(check()).rejects.toThrow(
      `other keys for updates: ${ours.trusted.id.slice(0, 16)}`,
    );
    await mkdir(at('keys'));
    await writeFile(at('keys/2026.pem'), ours.pem);
    expect((await check({ releaseKeys: at('keys') })).files[0]?.result).toBe('same');
    expect(await readFile(at('words'), 'utf8')).toContain(`--release-keys ${at('keys')} `);
    await publish();
    await expect(check({ releaseKeys: at('keys') })).rejects.toThrow('without keys for updates');
    // If the images have keys and the commit has them, the keys are taken from the commit.
    await cp(at('keys'), at('project/release-keys'), { recursive: true });
    await publish({ internalParameters });
    expect((await check()).files[0]?.result).toBe('same');
    expect(await readFile(at('words'), 'utf8')).toMatch(
      /--release-keys \S+\/sources\/release-keys /,
    );
    await publish();
    expect((await check()).files[0]?.result).toBe('same');
    expect(await readFile(at('words'), 'utf8')).not.toContain('--release-keys');
  });

  test('if its build fails, and nothing of the build is left', async () => {
    await publish();
    vi.stubEnv('OF_RUN', 'fails');
    await expect(check()).rejects.toThrow('the release could not be made again: node ended with 1');
    expect(await readdir(at('cache/tmp'))).toEqual([]);
  });
});

describe('a release is refused', () => {
  const read = () => readPublished(at('0.2.0/release.json'), trusted);

  test('if it is unsigned or signed with another key, unless this is allowed', async () => {
    await publish();
    await signFolder(at('0.2.0'), { signer: others.signer });
    await expect(read()).rejects.toThrow('it is not signed with a key');
    await rm(at('0.2.0/release.dsse.json'));
    await expect(read()).rejects.toThrow(/the release is not signed.*--unsigned/);
    const unsigned = await readPublished(at('0.2.0/release.json'), undefined);
    expect(unsigned.list.version).toBe('0.2.0');
  });

  test.each([
    [
      'names an option in place of a product',
      '"profile":"qvdc"',
      '"profile":"--output"',
      'profile',
    ],
    ['names no commit', /"gitCommit":"[0-9a-f]+"/, '', 'it names no commit'],
    ['names what is no commit', /"gitCommit":"[0-9a-f]+"/, '"gitCommit":"main"', 'gitCommit'],
    ['is of another type of build', 'appliance/v1', 'appliance/v2', 'buildType'],
    ['is about no file', /"subject":\[[^\]]*\]/, '"subject":[]', 'names no file'],
    ['is cut off', /.{100}\n$/, '', 'it is not JSON'],
  ])('if its provenance %s', async (_, old, fresh, why) => {
    await publish();
    const text = await readFile(at('0.2.0/qvdc.iso.intoto.json'), 'utf8');
    expect(parseProvenance(Buffer.from(text), 'p').parameters.profile).toBe('qvdc');
    expect(() => parseProvenance(Buffer.from(text.replace(old, fresh)), 'p')).toThrow(why);
  });

  test('if its list or a file beside it is another one, damaged or missing', async () => {
    await publish();
    const list = await readFile(at('0.2.0/release.json'), 'utf8');
    const document = at('0.2.0/qvdc.iso.intoto.json');
    await writeFile(document, '{}');
    await expect(read()).rejects.toThrow(
      `its SHA-256 is not the one in release.json (${document})`,
    );
    await rm(document);
    await expect(read()).rejects.toThrow('this document of the release is not there');
    await writeFile(at('0.2.0/release.json'), list.replace('0.2.0', '0.2.1'));
    await expect(read()).rejects.toThrow('it is not the list that ours has signed');
    const unsigned = () => readPublished(at('0.2.0/release.json'), undefined);
    await writeFile(at('0.2.0/release.json'), list.slice(0, 100));
    await expect(unsigned()).rejects.toThrow('it is not JSON');
    const { files, ...others } = JSON.parse(list);
    await writeFile(
      at('0.2.0/release.json'),
      JSON.stringify({ ...others, files: files.slice(0, 1) }),
    );
    await expect(unsigned()).rejects.toThrow('no provenance is in it');
  });
});

describe('qx-build rebuild', () => {
  test('needs to know the release and whose keys to trust', async () => {
    const rebuild = (...words: string[]) => main(['rebuild', at('0.2.0/release.json'), ...words]);
    expect(await rebuild('--unsigned')).toBe(2);
    expect(output.complained).toContain('Give --check, --output FOLDER or both');
    expect(await rebuild('--check')).toBe(2);
    expect(output.complained).toContain('Whose release is it?');
    expect(await rebuild('--check', '--unsigned', '--publisher', at('a.pem'))).toBe(2);
    expect(await rebuild('--output', at('x'), '--unsigned', '--record', at('y'))).toBe(2);
    expect(output.complained).toContain('Without --check there is nothing to record or sign');
    expect(await rebuild('--check', '--unsigned')).toBe(1);
    expect(output.complained).toContain('the list of the release cannot be read');
  });

  test('reports that the commit of a release of another project is not here', async () => {
    const commit = await publish();
    await writeFile(at('ours.pem'), ours.pem);
    const words = ['--check', '--publisher', at('ours.pem'), '--record', at('record')];
    expect(await main(['rebuild', at('0.2.0/release.json'), ...words])).toBe(1);
    expect(output.complained).toContain(`commit ${commit} is not in this clone (${PROJECT})`);
    expect(await readdir(folder)).not.toContain('record');
  });
});
