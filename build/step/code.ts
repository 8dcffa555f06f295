import { join, relative } from 'node:path';
import { digestOf, sha256 } from './digest.ts';
import { namedInputs, type StepInputs } from './inputs.ts';
import { type NpmPackages, npmClosure, npmIdentities, readInstalled } from './npm.ts';
import { importedPackages, readSources, type SourceFile } from './source.ts';

/** The project whose code this is. */
const TOOLCHAIN = join(import.meta.dirname, '../..');

/** Functions that a step is handed; in its key the source of their module stands for them. */
export class Code<T> {
  readonly run: T;
  readonly module: string;

  /** @param module absolute path of the module that they are in: its `import.meta.filename` */
  constructor(run: T, module: string) {
    this.run = run;
    this.module = module;
  }
}

/**
 * The code of modules as inputs of a step: their source and all that it imports, the npm packages among that with all
 * they depend on, as they are installed, and the Node that runs it.
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

/** Stands for the code of modules, where what it made is kept: another one when the code changes. */
export function codeDigest(...modules: readonly string[]): string {
  installedHere ??= readInstalled(TOOLCHAIN);
  return digestOf(codeInputs(modules, installedHere));
}

let installedHere: NpmPackages | undefined;

interface ModuleCode {
  /** `source <path>` → digest of each of its files. */
  digests: StepInputs;
  /** Names of the npm packages it imports. */
  packages: Set<string>;
}

/** What was read before: the code of a running process is what was loaded when it started. */
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
