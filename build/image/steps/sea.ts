import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { bundle } from '../../sea/bundle.ts';
import { checkExecutable } from '../../sea/check.ts';
import { compile } from '../../sea/compile.ts';
import { importedPackages } from '../../sea/imports.ts';
import { type NpmLock, npmClosure } from '../../sea/npm-lock.ts';
import { type Runtime, toolchainNode } from '../../sea/runtime.ts';
import { unpackNode } from '../../sea/unpack.ts';
import { sourceDigests } from '../../step/source.ts';
import { planStep, prefixed, type Step, type StepInputs } from '../../step/step.ts';
import { type ImageFacts, sourceInputs, toolInputs } from './facts.ts';

/** Files that the step makes. */
export const EXECUTABLE_FILE = 'qx';
const PACKAGES_FILE = 'packages.json';

/** The module that the programs begin with. */
const ENTRY = 'apps/qx.ts';

/** Plans the executable with the programs; no step if the image has none. It is the same for all appliances of a base. */
export function planSea(facts: ImageFacts): Step | undefined {
  const { projectDirectory, programs, version } = facts;
  if (programs === undefined) return undefined;
  const digests = sourceDigests(projectDirectory, [ENTRY]);
  const imported = importedPackages(projectDirectory, Object.keys(digests));
  return planStep('sea', {
    ...npmInputs(programs.npm, ['node_modules/esbuild', ...npmClosure(programs.npm, imported)]),
    ...prefixed('source', digests),
    'node of the image': nodeInput(programs.runtime),
    version,
    ...toolInputs(facts, ['strip']),
    ...sourceInputs(facts, ['build/image/steps/sea.ts']),
  });
}

function npmInputs(npm: NpmLock, folders: readonly string[]): StepInputs {
  const inputs = folders.map((folder) => {
    const { version, integrity } = npm.get(folder) ?? {};
    return [folder.replace(/^node_modules\//, ''), `${version} ${integrity}`] as const;
  });
  return prefixed('npm', Object.fromEntries(inputs));
}

function nodeInput(runtime: Runtime): string {
  return `${runtime.version} ${runtime.from === 'npm' ? runtime.integrity : runtime.sha256}`;
}

/** What the step is given besides its facts. */
export interface SeaParts {
  runtime: Runtime;
  /** The downloaded archive with Node, where the runtime is one. */
  archive: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Bundles the programs, compiles them into one executable and tries it.
 * @param directory where `EXECUTABLE_FILE` goes, and the list of npm packages in it
 * @throws BuildError if the source cannot be bundled, or the executable does not run
 */
export async function makeSea(
  directory: string,
  { projectDirectory, version }: ImageFacts,
  { runtime, archive, signal }: SeaParts,
): Promise<void> {
  const output = join(directory, EXECUTABLE_FILE);
  const compiler = toolchainNode(projectDirectory);
  const bundled = await bundle({ projectDirectory, entry: ENTRY, version, node: runtime.version });
  const unpacked = await mkdtemp(join(directory, '.node-'));
  try {
    const node = archive === undefined ? compiler : join(unpacked, 'node');
    if (archive !== undefined) await unpackNode(archive, node);
    await compile({ code: bundled.code, compiler, node, output, signal });
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
  await checkExecutable(output, version, signal);
  await writeFile(join(directory, PACKAGES_FILE), JSON.stringify(bundled.packages));
}

/** Folders of the npm packages in the executable, as `makeSea` noted them. */
export async function readPackages(directory: string): Promise<string[]> {
  return z
    .array(z.string())
    .parse(JSON.parse(await readFile(join(directory, PACKAGES_FILE), 'utf8')));
}
