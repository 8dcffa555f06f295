import { join, relative } from 'node:path';
import { digestOf, sha256 } from './digest.ts';
import { namedInputs, type StepInputs } from './inputs.ts';
import { type NpmPackages, npmClosure, npmIdentities, readInstalled } from './npm.ts';
import { importedPackages, readSources, type SourceFile } from './source.ts';

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
export function codeInputs(modules: readonly string[], installed: NpmPackages): StepInputs {
  const { digests, packages } = codeOf(modules);
  return {
    ...digests,
    ...namedInputs({ npm: npmIdentities(installed, npmClosure(installed, packages)) }),
    node: process.version,
  };
}

/** Digest of the code of modules, for keys of cached results; it changes when the code does. */
export function codeDigest(...modules: readonly string[]): string {
  installedHere ??= readInstalled(TOOLCHAIN);
  return digestOf(codeInputs(modules, installedHere));
}

let installedHere: NpmPackages | undefined;

interface ModuleCode {
  /** `source <path>` → digest of each of its files. */
  digests: StepInputs;
  /** Names of the npm packages that it imports. */
  packages: Set<string>;
}

/** Modules read before: a running process keeps the code that it loaded when it started. */
const known = new Map<string, ModuleCode>();
const files = new Map<string, SourceFile>();

function codeOf(modules: readonly string[]): ModuleCode {
  const paths = modules.map((module) => relative(TOOLCHAIN, module));
  const name = paths.join('\0');
  const before = known.get(name);
  if (before !== undefined) return before;
  const sources = readSources(TOOLCHAIN, paths, files);
  const digests = Object.entries(sources).map(([path, text]) => [`source ${path}`, sha256(text)]);
  const code = { digests: Object.fromEntries(digests), packages: importedPackages(sources) };
  known.set(name, code);
  return code;
}
