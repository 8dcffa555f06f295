import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { ARCHITECTURES, type ArchitectureName, canRunHere } from '../architecture.ts';
import type { OpenedPackage } from '../contract/base.ts';
import type { PackageContent } from '../contract/lock.ts';
import { BuildError } from '../error.ts';
import { computeDigest } from '../step/digest.ts';
import {
  computeNpmClosure,
  type NpmPackages,
  readInstalled,
  readNpmIdentities,
} from '../step/npm.ts';
import { listImportedPackages, readSources, type Sources } from '../step/source.ts';
import { defineStep } from '../step/step.ts';

import { bundlePrograms } from './bundle.ts';
import { checkExecutable } from './check.ts';
import { compileExecutable } from './compile.ts';
import { type Command, layOutNode, type OwnNode } from './own-node.ts';
import { locateToolchainNode, type NodeArchive, type ProgramNode } from './runtime.ts';
import { unpackNode } from './unpack.ts';

/** Output file of the step with the list of npm packages; the step's other output file is the executable. */
const PACKAGES_FILE = 'packages.json';

/** Inputs of the programs of `apps/`. */
export interface ProgramFacts extends ProgramNode {
  /** Name of the executable: the profile's `programPrefix`. */
  name: string;
  /** Their source; this text is bundled even if the files change meanwhile. */
  sources: Sources;
  /** The fields of the project's `package.json` that determine how its modules are read. */
  modules: ModuleKind;
}

/** The facts of an image that its programs depend on. */
export interface SeaFacts {
  programs: ProgramFacts;
  profile: { architecture: ArchitectureName };
  /** Product version. */
  version: string;
  installed: NpmPackages;
  toolVersions: Readonly<Record<'strip', string>>;
}

/** What the step gets besides its inputs. */
export interface SeaWork {
  projectDirectory: string;
  /** Downloads a Node archive and returns its path. */
  archive: (archive: NodeArchive) => Promise<string>;
  /** Returns the opened packages, in the order of the argument; for a Node that is a package of the base. */
  opened: (packages: readonly PackageContent[]) => OpenedPackage[];
  /** Number of threads of the bundler; the number of processors if absent. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
}

const moduleKindSchema = z.object({
  type: z.string().optional(),
  sideEffects: z.union([z.boolean(), z.array(z.string())]).optional(),
});

type ModuleKind = z.infer<typeof moduleKindSchema>;

/** Returns the path of the first module of the programs, relative to the project. */
function entryOf(name: string): string {
  return `apps/${name}.ts`;
}

/** Reads the source of the programs. @param name name of the executable; the first module is `apps/NAME.ts` */
export function readPrograms(
  projectDirectory: string,
  node: ProgramNode,
  name: string,
): ProgramFacts {
  const sources = readSources(projectDirectory, [entryOf(name)]);
  return { ...node, name, sources, modules: readModuleKind(projectDirectory) };
}

function readModuleKind(projectDirectory: string): ModuleKind {
  const text = readFileSync(join(projectDirectory, 'package.json'), 'utf8');
  return moduleKindSchema.parse(JSON.parse(text));
}

/**
 * Step that makes the executable with the programs, and the list of npm packages in it. The result is the same for all
 * appliances of a base and an architecture.
 * Throws a BuildError if the source cannot be bundled, the Node archive is damaged, or the executable does not run.
 */
export const planSea = defineStep({
  name: 'sea',
  module: import.meta.filename,
  read: readSea,
  make: makeSea,
});

function readSea({ programs, profile, version, installed, toolVersions }: SeaFacts) {
  const { runtime, preparer, codeCache, name, sources, modules } = programs;
  return {
    name,
    source: sources,
    library: libraries(sources, installed),
    modules: { ...modules },
    architecture: profile.architecture,
    compiler: process.arch,
    runtime,
    preparer,
    codeCache: String(codeCache),
    version,
    tool: { strip: toolVersions.strip },
  };
}

/** Returns the npm packages that may be bundled: those that the source imports, with their dependencies. */
function libraries(sources: Sources, installed: NpmPackages) {
  return readNpmIdentities(installed, computeNpmClosure(installed, listImportedPackages(sources)));
}

async function makeSea(
  directory: string,
  inputs: ReturnType<typeof readSea>,
  { projectDirectory, archive, opened, threads, signal }: SeaWork,
): Promise<void> {
  const { name, source, library, modules, architecture, runtime, codeCache, version } = inputs;
  const output = join(directory, name);
  const request = { projectDirectory, entry: entryOf(name), sources: source, version, threads };
  const bundling = bundlePrograms({ ...request, node: runtime.version }).then((bundled) => {
    // The bundler reads these files itself, and they may have changed since the build was planned.
    const read = {
      library: libraries(source, readInstalled(projectDirectory)),
      modules: readModuleKind(projectDirectory),
    };
    if (computeDigest(read) === computeDigest({ library, modules })) return bundled;
    throw new BuildError({
      what: 'package.json or the installed npm packages were changed while the programs were bundled',
      fix: 'Build again.',
    });
  });
  // An error is reported where the result is awaited.
  bundling.catch(() => undefined);
  const scratch = await mkdtemp(join(directory, '.node-'));
  try {
    const { node, loader } = await layOut(inputs, { projectDirectory, archive, opened, scratch });
    const preparer = await layOutPreparer(inputs, { projectDirectory, archive, scratch });
    await compileExecutable({
      code: bundling.then(({ code }) => code),
      architecture,
      preparer: preparer ?? loader?.call(node, 'node') ?? { command: node, before: [] },
      codeCache: codeCache === 'true',
      node,
      output,
      signal,
    });
    if (canRunHere(ARCHITECTURES[architecture])) {
      await checkExecutable(output, version, { loader, signal });
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const { packages } = await bundling;
  await writeFile(join(directory, PACKAGES_FILE), JSON.stringify(packages));
}

type LayingOut = Pick<SeaWork, 'projectDirectory' | 'archive'> & { scratch: string };

/** Provides the Node from which the executable is made, in the scratch folder unless it is the toolchain's. */
async function layOut(
  { runtime, architecture }: ReturnType<typeof readSea>,
  { projectDirectory, archive, opened, scratch }: LayingOut & Pick<SeaWork, 'opened'>,
): Promise<OwnNode> {
  if (runtime.from === 'package') {
    return layOutNode(opened(runtime.packages), runtime.program, scratch);
  }
  if (runtime.from === 'npm' && canRunHere(ARCHITECTURES[architecture])) {
    return { node: locateToolchainNode(projectDirectory), loader: undefined };
  }
  const node = join(scratch, 'node');
  await unpackNode(await archive(runtime), node);
  return { node, loader: undefined };
}

/** Provides the Node that prepares the programs, if it is not the Node that they run on. */
async function layOutPreparer(
  { preparer }: ReturnType<typeof readSea>,
  { projectDirectory, archive, scratch }: LayingOut,
): Promise<Command | undefined> {
  if (preparer.by === 'runtime') return undefined;
  if (preparer.by === 'toolchain')
    return { command: locateToolchainNode(projectDirectory), before: [] };
  const command = join(scratch, 'preparer');
  await unpackNode(await archive({ from: 'npm', ...preparer }), command);
  return { command, before: [] };
}

/** Reads the folders of the npm packages in the executable, as recorded by the step. */
export async function readPackages(directory: string): Promise<string[]> {
  const text = await readFile(join(directory, PACKAGES_FILE), 'utf8');
  return z.array(z.string()).parse(JSON.parse(text));
}
