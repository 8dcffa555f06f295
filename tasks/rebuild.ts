import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { execa } from 'execa';
import { type CacheDirectory, cacheRooms } from '../build/cache/directory.ts';
import { markCache } from '../build/cache/mark.ts';
import { makeTemporaryPath } from '../build/cache/temporary.ts';
import { compareReleases } from '../build/comparison/releases.ts';
import { BuildError } from '../build/error.ts';
import { readHostToolVersions } from '../build/image/prepare.ts';
import { planRun, type ReleaseRun } from '../build/image/release-run.ts';
import { parseLock } from '../build/lock/file.ts';
import { KILL_AFTER, superviseGroup } from '../build/process/child-group.ts';
import { run } from '../build/process/run.ts';
import { readTrustedKeys } from '../build/release/keys.ts';
import type { PublishedRelease } from '../build/release/published.ts';
import type { Rebuild } from '../build/release/rebuild.ts';
import { parseReleaseFiles, type ReleaseFile } from '../build/release/release-files.ts';
import { RELEASE_LIST } from '../build/release/sign-folder.ts';
import type { Output } from './ui/events.ts';

/** How to rebuild a release. */
export interface RebuildRequest {
  /** A clone that has the commit; it is not changed. */
  project: string;
  /** Source of downloads; its step results are not used. */
  cache: CacheDirectory;
  /** Folder for the release, which is kept there in a folder named by its version; if absent, it is removed. */
  output?: string | undefined;
  /** Folder with the public keys in the images; `release-keys` of the commit if absent. */
  releaseKeys?: string | undefined;
  /** Additional options of `qx-build release`: where packages come from. */
  options: readonly string[];
  /** Continue even if the tools have other versions. */
  otherTools: boolean;
  signal: AbortSignal;
}

/**
 * Rebuilds a release: checks its commit out into a new folder, and runs that commit's `qx-build release` there, with
 * only downloads in its cache.
 * @param look inspects the release before it is removed; `node` is the Node that made it
 * @returns the result of `look`
 * @throws ExplainedError if this host or clone cannot rebuild it, or the build fails
 */
export async function remakeRelease<Result>(
  published: PublishedRelease,
  request: RebuildRequest,
  output: Output,
  look: (
    remade: { folder: string; files: readonly ReleaseFile[] },
    run: ReleaseRun,
  ) => Promise<Result>,
): Promise<Result> {
  const { project, cache, signal } = request;
  const release = planRun(published);
  const folder = resolve(request.output ?? '', published.list.version);
  if (request.output !== undefined && folder === published.folder) {
    throw new BuildError({
      what: 'this is the release that is to be made again',
      where: folder,
      fix: 'Give another folder: --output.',
    });
  }
  await requireCommitHere(project, release.commit, signal);
  requireVersions(release.tools, await toolsHere(release, request), request, output);
  const scratch = await makeTemporaryPath(cache, 'rebuild');
  try {
    const sources = await checkOut(release.commit, { project, scratch, signal });
    await requireLocks(published, sources);
    const releaseKeys = await findKeys(release, request.releaseKeys, sources);
    const node = await installPackages(sources, request, output);
    const { stdout: version } = await execa(node, ['--version']);
    requireVersions({ Node: release.node }, { Node: version }, request, output);
    const remade =
      request.output === undefined ? join(scratch, 'release') : resolve(request.output);
    const privateCache = await openPrivateCache(cache, join(scratch, 'cache'));
    output.say(
      `making release ${published.list.version} again from commit ${release.commit.slice(0, 12)}`,
    );
    await runRelease(
      { node, sources, release, releaseKeys, cache: privateCache, output: remade },
      request,
      output,
    );
    const made = join(remade, published.list.version);
    const list = join(made, RELEASE_LIST);
    const { files } = parseReleaseFiles(await readFile(list, 'utf8'), list);
    return await look({ folder: made, files }, { ...release, node: version });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Rebuilds a release and compares it with the published one.
 * @returns the result, to be recorded
 */
export async function checkRelease(
  published: PublishedRelease,
  request: RebuildRequest,
  output: Output,
): Promise<Rebuild> {
  const { list, sha256: ofList } = published;
  return remakeRelease(published, request, output, async (remade, release) => ({
    ...{ version: list.version, list: { name: RELEASE_LIST, sha256: ofList } },
    ...{ commit: release.commit, node: release.node, tools: await toolsHere(release, request) },
    files: await compareReleases({ ...published, files: list.files }, remade, request.signal),
  }));
}

/** Folder of a project with the keys of its releases, as in the workflows of docs/ci. */
const KEYS_OF_PROJECT = 'release-keys';

/**
 * Finds the folder with the keys in the images: the folder that the caller names, else that of the commit.
 * @returns undefined if there are no keys in the images
 * @throws BuildError if the folder has other keys than the images
 */
async function findKeys(
  { releaseKeys }: ReleaseRun,
  named: string | undefined,
  sources: string,
): Promise<string | undefined> {
  const ofCommit = join(sources, KEYS_OF_PROJECT);
  const folder = named ?? (releaseKeys.length > 0 && existsSync(ofCommit) ? ofCommit : undefined);
  const keys = folder === undefined ? [] : await readTrustedKeys(folder);
  const here = keys.map(({ id }) => id).toSorted();
  if (here.join() === releaseKeys.join()) return folder;
  const wanted = releaseKeys.map((id) => id.slice(0, 16)).join(', ');
  throw new BuildError({
    what:
      releaseKeys.length === 0
        ? 'the images were built without keys for updates'
        : `the images were built with other keys for updates: ${wanted}`,
    where: named ?? `${KEYS_OF_PROJECT} of the commit`,
    fix:
      releaseKeys.length === 0
        ? 'Leave --release-keys out.'
        : 'Give --release-keys a folder with those; they are in each image: usr/share/quantix/release-keys.',
  });
}

/** @throws BuildError if the clone does not have the commit */
async function requireCommitHere(
  project: string,
  commit: string,
  signal: AbortSignal,
): Promise<void> {
  const git = (...words: string[]) => run('git', words, { cwd: project, signal });
  const refuse = (what: string, fix: string) => (cause: unknown) => {
    signal.throwIfAborted();
    throw new BuildError({ what, where: project, fix, cause });
  };
  await git('rev-parse', '--git-dir').catch(
    refuse(
      'this is not a clone of the sources, or git refuses to read it',
      'Run it in a clone in which `git status` works.',
    ),
  );
  await git('cat-file', '-e', `${commit}^{commit}`).catch(
    refuse(
      `commit ${commit} is not in this clone`,
      'Fetch it (git fetch --tags, in a shallow clone git fetch --unshallow), or take the clone of the publisher.',
    ),
  );
}

async function toolsHere(
  { architectures, tools }: ReleaseRun,
  { cache }: Pick<RebuildRequest, 'cache'>,
): Promise<Record<string, string>> {
  const converts = tools['qemu-img'] !== undefined && tools['qemu-img'] !== 'not used';
  const here = await Promise.all(
    architectures.map((architecture) => readHostToolVersions({ architecture, cache, converts })),
  );
  return Object.assign({}, ...here);
}

/** @throws BuildError naming each tool whose version differs, unless that is accepted */
function requireVersions(
  made: Readonly<Record<string, string>>,
  here: Readonly<Record<string, string>>,
  { otherTools }: RebuildRequest,
  output: Output,
): void {
  const others = Object.entries(made).flatMap(([tool, version]) => {
    const present = here[tool] ?? 'none';
    return present === version ? [] : [`${tool} ${version}, here ${present}`];
  });
  if (others.length === 0) return;
  const what = `the release was made with other tools: ${others.join('; ')}`;
  if (otherTools) {
    output.say(`${what}. The rebuilt files may differ because of that.`);
    return;
  }
  throw new BuildError({
    what,
    fix: 'Install those versions, such as in the image of the Dockerfile, or try it with these: --other-tools.',
  });
}

/** Checks a commit out into a new clone, which shares the project's objects. @returns its folder */
async function checkOut(
  commit: string,
  { project, scratch, signal }: { project: string; scratch: string; signal: AbortSignal },
): Promise<string> {
  const sources = join(scratch, 'sources');
  // Independent of the host's git configuration: files exactly as in the commit, and no hooks.
  const plain = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.autocrlf=false'];
  const bare = ['--quiet', '--shared', '--no-checkout', '--template='];
  await run('git', [...plain, 'clone', ...bare, '--', project, sources], { signal });
  await run('git', [...plain, 'checkout', '--quiet', '--detach', commit], { cwd: sources, signal });
  return sources;
}

/** @throws BuildError if a lock of the commit has other packages than the release was made from */
async function requireLocks({ provenances }: PublishedRelease, sources: string): Promise<void> {
  for (const { parameters, packages, source } of provenances) {
    const { profile, base, architecture, flavour } = parameters;
    const name = `profiles/${profile}.${base}.${architecture}.lock.json`;
    const where = `${name} of commit ${source.commit.slice(0, 12)}`;
    const text = await readFile(join(sources, name), 'utf8').catch((cause: unknown) => {
      throw new BuildError({
        what: 'the commit has no lock of an image of the release',
        where,
        cause,
      });
    });
    const locked = new Map(
      parseLock(text, where)
        .packages.filter((one) => one.flavour === undefined || one.flavour === flavour)
        .map((one) => [one.sha256, `${one.name} ${one.version}`]),
    );
    const made = new Set(packages.map((one) => one.sha256));
    const differences = [
      ...[...locked].flatMap(([hash, words]) => (made.has(hash) ? [] : [`+ ${words}`])),
      ...packages.flatMap((one) => (locked.has(one.sha256) ? [] : [`- ${one.name}`])),
    ];
    const [first, ...more] = differences;
    if (first === undefined) continue;
    const rest = more.length === 0 ? '' : ` and ${more.length} more`;
    throw new BuildError({
      what: `the release was not made from this lock: ${first}${rest}`,
      where,
      fix: 'Its provenance names another commit than it was built from: ask its publisher.',
    });
  }
}

/**
 * Provides a clone with the npm packages of its lock: links to those of the project if the locks are equal; otherwise,
 * npm installs them.
 * @returns the Node to run it with
 */
async function installPackages(
  sources: string,
  { project, signal }: RebuildRequest,
  output: Output,
): Promise<string> {
  const locks = [project, sources].map((folder) => readFile(join(folder, 'package-lock.json')));
  const [here, there] = await Promise.all(locks);
  if (here !== undefined && there?.equals(here) === true) {
    await symlink(join(project, 'node_modules'), join(sources, 'node_modules'));
    return process.execPath;
  }
  output.say('installing the npm packages of the commit');
  await runAsCaller('make', ['-C', sources, 'node_modules/.ready'], { output, signal });
  return join(sources, 'node_modules/.bin/node');
}

/** Opens a cache with the downloads of another one, which are checked by their hashes, and without results. */
async function openPrivateCache(cache: CacheDirectory, root: string): Promise<CacheDirectory> {
  const own = cacheRooms(root);
  markCache(own);
  for (const room of ['blobs', 'apk', 'npm', 'apt'] as const) {
    await mkdir(cache[room], { recursive: true });
    await symlink(cache[room], own[room]);
  }
  return own;
}

/** How to run `qx-build release`. */
interface Making {
  /** Path of Node. */
  node: string;
  sources: string;
  release: ReleaseRun;
  /** Folder with the public keys in the images, if there are any. */
  releaseKeys: string | undefined;
  cache: CacheDirectory;
  /** Folder in which the folder of the version is made. */
  output: string;
}

async function runRelease(
  { node, sources, release, releaseKeys, cache, output: folder }: Making,
  { options, signal }: RebuildRequest,
  output: Output,
): Promise<void> {
  const { base, flavour, profiles, architectures, formats } = release;
  const repeated = (option: string, values: readonly string[]) =>
    values.flatMap((value) => [option, value]);
  const words = [
    ...[join(sources, 'tasks/qx-build.ts'), 'release', '--base', base, '--flavour', flavour],
    ...repeated('--profile', profiles),
    ...repeated('--arch', architectures),
    ...repeated('--format', formats),
    ...(releaseKeys === undefined ? [] : ['--release-keys', resolve(releaseKeys)]),
    ...['--output', folder, ...options, ...(output.json ? ['--json'] : [])],
  ];
  const env = { QUANTIX_CACHE: cache.root };
  await runAsCaller(node, words, { output, signal, env });
}

/** Runs a program that prints its own progress. With `--json`, its standard output is shown only if it is events. */
async function runAsCaller(
  program: string,
  words: readonly string[],
  {
    output,
    signal,
    env = {},
  }: { output: Output; signal: AbortSignal; env?: Record<string, string> },
): Promise<void> {
  const isHeard = !output.json || words.includes('--json');
  const child = execa(program, words, {
    ...{ env, reject: false, cancelSignal: signal, forceKillAfterDelay: KILL_AFTER },
    ...{ detached: true, cleanup: false },
    stdio: ['ignore', isHeard ? 'inherit' : 'ignore', 'inherit'],
  });
  const { exitCode } = await superviseGroup(child, signal);
  signal.throwIfAborted();
  if (exitCode === 0) return;
  throw new BuildError({
    what: `the release could not be made again: ${basename(program)} ended with ${exitCode}`,
    fix: 'The reason is above.',
  });
}
