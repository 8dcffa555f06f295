import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { ARCHITECTURES, type ArchitectureName, runsHere } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { digestOf } from '../step/digest.ts';
import { type NpmPackages, npmClosure, npmIdentities, readInstalled } from '../step/npm.ts';
import { importedPackages, readSources, type Sources } from '../step/source.ts';
import { defineStep } from '../step/step.ts';

import { bundle } from './bundle.ts';
import { checkExecutable } from './check.ts';
import { compile } from './compile.ts';
import { type Runtime, toolchainNode } from './runtime.ts';
import { unpackNode } from './unpack.ts';

/** Files that the step makes. */
export const EXECUTABLE_FILE = 'qx';
const PACKAGES_FILE = 'packages.json';

/** The module that the programs begin with. */
const ENTRY = 'apps/qx.ts';

/** What the programs of `apps/` are made from. */
export interface ProgramFacts {
  runtime: Runtime;
  /** Their source; what is bundled is this text, whatever becomes of the files meanwhile. */
  sources: Sources;
  /** What the project's `package.json` says about how its modules are read. */
  modules: ModuleKind;
}

/** Facts of an image of which the programs are made. */
export interface SeaFacts {
  programs: ProgramFacts;
  profile: { architecture: ArchitectureName };
  /** Product version. */
  version: string;
  installed: NpmPackages;
  toolVersions: Readonly<Record<'strip', string>>;
}

/** What making the executable needs besides. */
export interface SeaWork {
  projectDirectory: string;
  /** Downloads an archive with Node; the result is its path. */
  archive: (runtime: Runtime) => Promise<string>;
  signal?: AbortSignal | undefined;
}

const moduleKindSchema = z.object({
  type: z.string().optional(),
  sideEffects: z.union([z.boolean(), z.array(z.string())]).optional(),
});

type ModuleKind = z.infer<typeof moduleKindSchema>;

/** Reads the source of the programs. */
export function readPrograms(projectDirectory: string, runtime: Runtime): ProgramFacts {
  const sources = readSources(projectDirectory, [ENTRY]);
  return { runtime, sources, modules: readModuleKind(projectDirectory) };
}

function readModuleKind(projectDirectory: string): ModuleKind {
  const text = readFileSync(join(projectDirectory, 'package.json'), 'utf8');
  return moduleKindSchema.parse(JSON.parse(text));
}

/**
 * The executable with the programs, and the list of npm packages in it. It is the same for all appliances of a base and
 * an architecture.
 * Making it throws a BuildError if the source cannot be bundled, the archive of Node is damaged, or the executable does
 * not run.
 */
export const planSea = defineStep({
  name: 'sea',
  module: import.meta.filename,
  read: readSea,
  make: makeSea,
});

function readSea({ programs, profile, version, installed, toolVersions }: SeaFacts) {
  const { runtime, sources, modules } = programs;
  return {
    source: sources,
    library: libraries(sources, installed),
    modules: { ...modules },
    architecture: profile.architecture,
    compiler: process.arch,
    runtime,
    version,
    tool: { strip: toolVersions.strip },
  };
}

/** The npm packages that may be bundled: those that the source imports, and all that they depend on. */
function libraries(sources: Sources, installed: NpmPackages) {
  return npmIdentities(installed, npmClosure(installed, importedPackages(sources)));
}

async function makeSea(
  directory: string,
  { source, library, modules, architecture, runtime, version }: ReturnType<typeof readSea>,
  { projectDirectory, archive, signal }: SeaWork,
): Promise<void> {
  const output = join(directory, EXECUTABLE_FILE);
  const request = { projectDirectory, entry: ENTRY, sources: source, version };
  const { code, packages } = await bundle({ ...request, node: runtime.version });
  // The bundler has read these by itself.
  const read = {
    library: libraries(source, readInstalled(projectDirectory)),
    modules: readModuleKind(projectDirectory),
  };
  if (digestOf(read) !== digestOf({ library, modules })) {
    throw new BuildError({
      what: 'package.json or the installed npm packages were changed while the programs were bundled',
      fix: 'Build again.',
    });
  }
  const compiler = toolchainNode(projectDirectory);
  const unpacked = await mkdtemp(join(directory, '.node-'));
  try {
    const own = runtime.from === 'npm' && runsHere(ARCHITECTURES[architecture]);
    const node = own ? compiler : join(unpacked, 'node');
    if (!own) await unpackNode(await archive(runtime), node);
    await compile({ code, architecture, compiler, node, output, signal });
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
  if (runsHere(ARCHITECTURES[architecture])) await checkExecutable(output, version, signal);
  await writeFile(join(directory, PACKAGES_FILE), JSON.stringify(packages));
}

/** Folders of the npm packages in the executable, as the step noted them. */
export async function readPackages(directory: string): Promise<string[]> {
  const text = await readFile(join(directory, PACKAGES_FILE), 'utf8');
  return z.array(z.string()).parse(JSON.parse(text));
}
