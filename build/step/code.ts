import { join, relative } from 'node:path';
import { computeDigest, sha256 } from './digest.ts';
import { makeNamedInputs, type StepInputs } from './inputs.ts';
import { computeNpmClosure, type NpmPackages, readInstalled, readNpmIdentities } from './npm.ts';
import { listImportedPackages, readSources, type SourceFile } from './source.ts';

/** The project that contains this code. */
const TOOLCHAIN = join(import.meta.dirname, '../..');

/** A function that is passed to a step; the source of its module represents it in the step's key. */
export class Code<T> {
  readonly run: T;
  readonly module: string;

  /** @param module absolute path of the module that defines it: its `import.meta.filename` */
  constructor(run: T, module: string) {
    this.run = run;
    this.module = module;
  }
}

/**
 * Returns the code of modules as inputs of a step: their source and everything it imports, including the installed npm
 * packages with their dependencies, and the version of Node that runs it.
 * @param modules absolute paths
 */
export function makeCodeInputs(modules: readonly string[], installed: NpmPackages): StepInputs {
  const { digests, packages } = codeOf(modules);
  return {
    ...digests,
    ...makeNamedInputs({
      npm: readNpmIdentities(installed, computeNpmClosure(installed, packages)),
    }),
    node: process.version,
  };
}

/** Returns the digest of the code of modules, for keys of cached results. */
export function computeCodeDigest(...modules: readonly string[]): string {
  installedHere ??= readInstalled(TOOLCHAIN);
  return computeDigest(makeCodeInputs(modules, installedHere));
}

let installedHere: NpmPackages | undefined;

interface ModuleCode {
  /** `source <path>` → digest of each of its files. */
  digests: StepInputs;
  /** Names of the npm packages that it imports. */
  packages: Set<string>;
}

/** Code that has been read. It is not read again, because a process runs the code that it loaded when it started. */
const known = new Map<string, ModuleCode>();
const files = new Map<string, SourceFile>();

function codeOf(modules: readonly string[]): ModuleCode {
  const paths = modules.map((module) => relative(TOOLCHAIN, module));
  const name = paths.join('\0');
  const before = known.get(name);
  if (before !== undefined) return before;
  const sources = readSources(TOOLCHAIN, paths, files);
  const digests = Object.entries(sources).map(([path, text]) => [`source ${path}`, sha256(text)]);
  const code = { digests: Object.fromEntries(digests), packages: listImportedPackages(sources) };
  known.set(name, code);
  return code;
}
