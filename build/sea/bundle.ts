import { relative, resolve } from 'node:path';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import { z } from 'zod';
import { BuildError, must } from '../error.ts';
import type { Sources } from '../step/source.ts';

/** Approximate length of a line in the bundle; it is short because Node prints the line of an uncaught error. */
const LINE = 160;

/** The programs as one CommonJS file. */
export interface Bundle {
  code: string;
  /** Folders of the npm packages whose code is in the bundle, relative to the project, sorted. */
  packages: string[];
}

/** Input of `bundlePrograms`. */
export interface BundleRequest {
  projectDirectory: string;
  /** Path of the first module, relative to the project. */
  entry: string;
  /** The source of the programs; no other files of the project are bundled, and these are not read again. */
  sources: Sources;
  /** Version for `apps/version.ts`. */
  version: string;
  /** Version of the Node that runs the bundle: `26.10.0`. */
  node: string;
  /**
   * Threads of esbuild; as many as there are processors if absent. The first bundle of a process sets the number for
   * all.
   */
  threads?: number | undefined;
}

/**
 * Bundles the programs and all their imports. The same source gives the same text, wherever the project is: the text
 * contains no paths.
 * @throws BuildError naming file and line of what cannot be bundled; or if a different esbuild would be run
 */
export async function bundlePrograms({
  projectDirectory,
  entry,
  sources,
  version,
  node,
  threads,
}: BundleRequest): Promise<Bundle> {
  const root = resolve(projectDirectory);
  refuseOtherEsbuild(process.env.ESBUILD_BINARY_PATH);
  const { build } = await import('esbuild');
  try {
    const options = {
      absWorkingDir: root,
      // Relative, because esbuild treats a path with `*`, which the project's own path may contain, as a pattern.
      entryPoints: [`./${entry}`],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      target: `node${node}`,
      format: 'cjs',
      // With characters beyond ASCII, V8 would store the whole source with two bytes per character.
      charset: 'ascii',
      minify: true,
      lineLimit: LINE,
      legalComments: 'none',
      // A `node_modules` that is a link is treated as a folder, so that its real path does not appear.
      preserveSymlinks: true,
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      plugins: [serve(root, sources)],
      define: { PROGRAMS_VERSION: JSON.stringify(version) },
      logLevel: 'silent',
    } satisfies BuildOptions;
    const { outputFiles, metafile } = await withRoom(() => build(options), threads);
    return { code: must(outputFiles[0], 'output of esbuild').text, packages: packagesIn(metafile) };
  } catch (cause) {
    throw explained(cause);
  }
}

/**
 * Settings of the Go runtime (https://pkg.go.dev/runtime) for esbuild: garbage collection would take a fifth of its
 * time and save only a sixth of its memory.
 */
const ROOM = { GOGC: 'off', GOMEMLIMIT: '1GiB' };

/**
 * Runs a function with these variables set, and with a limit on threads; esbuild passes this process's environment on
 * when it starts its own program.
 */
function withRoom<T>(start: () => T, threads: number | undefined): T {
  const before = process.env;
  const bound = threads === undefined ? {} : { GOMAXPROCS: String(threads) };
  process.env = { ...before, ...ROOM, ...bound };
  try {
    return start();
  } finally {
    process.env = before;
  }
}

/** Refuses a custom esbuild program: step keys cover only the program that npm installed. */
function refuseOtherEsbuild(path: string | undefined): void {
  if (path === undefined || path === '') return;
  throw new BuildError({
    what: 'the environment names another esbuild than the one of package-lock.json',
    where: `ESBUILD_BINARY_PATH=${path}`,
    fix: 'Unset it: env -u ESBUILD_BINARY_PATH …',
  });
}

/** Provides esbuild with the source that was already read; esbuild reads files of npm packages itself. */
function serve(root: string, sources: Sources): Plugin {
  return {
    name: 'sources',
    setup: ({ onLoad }) => {
      onLoad({ filter: /./, namespace: 'file' }, ({ path }) => {
        const name = relative(root, path);
        if (name.split('/').includes('node_modules')) return undefined;
        const contents = sources[name];
        if (contents !== undefined) return { contents, loader: 'default' };
        throw new BuildError({
          what: 'a program imports a file that was not there, or was not imported, when the build was planned',
          where: name,
          fix: 'Build again; an import must name its file as it is, in quotes.',
        });
      });
    },
  };
}

/** Returns the npm packages whose code is in the output; unused imports are left out. */
function packagesIn({ outputs }: Metafile): string[] {
  const folders = new Set<string>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
      if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
    }
  }
  return [...folders].sort();
}

/** The error of esbuild: its messages; if a plugin failed, `detail` is the plugin's error. */
const failureSchema = z.object({
  errors: z
    .array(
      z.object({
        text: z.string(),
        location: z.object({ file: z.string(), line: z.number() }).nullable(),
        detail: z.unknown(),
      }),
    )
    .min(1),
});

/** Converts an error of esbuild to one line; returns any other error unchanged. */
function explained(cause: unknown): unknown {
  const [first] = failureSchema.safeParse(cause).data?.errors ?? [];
  if (first === undefined) return cause;
  const { text, location, detail } = first;
  if (detail instanceof BuildError) return detail;
  return new BuildError({
    what: `the programs cannot be bundled: ${text}`,
    where: location === null ? undefined : `${location.file}:${location.line}`,
    fix: 'Fix the source; a package that is missing comes with `npm ci`.',
    cause,
  });
}
