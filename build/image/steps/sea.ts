import { importedPackages } from '../../sea/imports.ts';
import { ENTRY, makeExecutable } from '../../sea/make.ts';
import { type NpmLock, npmClosure } from '../../sea/npm-lock.ts';
import { type Runtime, toolchainNode } from '../../sea/runtime.ts';
import { sourceDigests } from '../../step/source.ts';
import { planStep, prefixed, type Step, type StepInputs } from '../../step/step.ts';
import { type ImageFacts, sourceInputs, toolInputs } from './facts.ts';

/** Plans the executable with the programs; no step if the image has none. It is the same for all appliances of a base. */
export function planSea(facts: ImageFacts): Step | undefined {
  const { projectDirectory, programs, version } = facts;
  if (programs === undefined) return undefined;
  const digests = sourceDigests(projectDirectory, [ENTRY]);
  const imported = importedPackages(projectDirectory, Object.keys(digests));
  return planStep('sea', {
    ...npmInputs(programs.npm, ['node_modules/esbuild', ...npmClosure(programs.npm, imported)]),
    ...prefixed('source', digests),
    architecture: facts.profile.architecture,
    'node of the image': nodeInput(programs.runtime),
    version,
    ...toolInputs(facts, ['strip']),
    ...sourceInputs(facts, ['build/sea/make.ts']),
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

/** Makes the executable; see `makeExecutable`. */
export async function makeSea(
  directory: string,
  { projectDirectory, profile, version }: ImageFacts,
  { runtime, archive, signal }: SeaParts,
): Promise<void> {
  const compiler = toolchainNode(projectDirectory);
  const node = runtime.version;
  await makeExecutable(directory, {
    architecture: profile.architecture,
    projectDirectory,
    version,
    node,
    compiler,
    archive,
    signal,
  });
}
