import { relative, resolve } from 'node:path';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import { z } from 'zod';
import { BuildError, must } from '../error.ts';
import type { Sources } from '../step/source.ts';

/** Characters in a line of the bundle, about: Node prints the line of an uncaught error. */
const LINE = 160;

/** The programs as one CommonJS file. */
export interface Bundle {
  code: string;
  /** Folders in the project of the npm packages that some of the code is from, sorted. */
  packages: string[];
}

/** What is bundled. */
export interface BundleRequest {
  projectDirectory: string;
  /** Path in the project of the module to begin with. */
  entry: string;
  /** The source of the programs; no other file of the project is bundled, and none is read anew. */
  sources: Sources;
  /** What `apps/version.ts` says. */
  version: string;
  /** Version of the Node that runs it: `26.10.0`. */
  node: string;
}

/**
 * Bundles the programs and all they import. The same source gives the same text,
 * wherever the project is: no path is in it.
 * @throws BuildError naming file and line of what cannot be bundled, and if another esbuild would be run
 */
export async function bundle({
  projectDirectory,
  entry,
  sources,
  version,
  node,
}: BundleRequest): Promise<Bundle> {
  const root = resolve(projectDirectory);
  refuseOtherEsbuild(process.env.ESBUILD_BINARY_PATH);
  const { build } = await import('esbuild');
  try {
    const options = {
      absWorkingDir: root,
      // Relative: esbuild takes a path with `*` in it, such as the project's own, for a pattern.
      entryPoints: [`./${entry}`],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      target: `node${node}`,
      format: 'cjs',
      // Text beyond ASCII would make V8 keep all of the source as two bytes a character.
      charset: 'ascii',
      minify: true,
      lineLimit: LINE,
      legalComments: 'none',
      // A `node_modules` that is a link counts as the folder it stands for, so that its place does not show.
      preserveSymlinks: true,
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      plugins: [serve(root, sources)],
      define: { QUANTIX_VERSION: JSON.stringify(version) },
      logLevel: 'silent',
    } satisfies BuildOptions;
    const { outputFiles, metafile } = await withRoom(() => build(options));
    return { code: must(outputFiles[0], 'output of esbuild').text, packages: packagesIn(metafile) };
  } catch (cause) {
    throw explained(cause);
  }
}

/**
 * What a Go program is told that ends soon (https://pkg.go.dev/runtime): a fifth of esbuild's time would go into collecting
 * memory, of which it takes no more than a sixth less then.
 */
const ROOM = { GOGC: 'off', GOMEMLIMIT: '1GiB' };

/** Starts something with these variables; esbuild hands on those of this process when it starts its program. */
function withRoom<T>(start: () => T): T {
  const before = process.env;
  process.env = { ...before, ...ROOM };
  try {
    return start();
  } finally {
    process.env = before;
  }
}

/** esbuild would run another program than the one that npm installed, of which no step's key knows. */
function refuseOtherEsbuild(path: string | undefined): void {
  if (path === undefined || path === '') return;
  throw new BuildError({
    what: 'the environment names another esbuild than the one of package-lock.json',
    where: `ESBUILD_BINARY_PATH=${path}`,
    fix: 'Unset it: env -u ESBUILD_BINARY_PATH …',
  });
}

/** Hands esbuild the source as it was read before; from npm packages it reads the files themselves. */
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

/** The npm packages whose code is in the output: of what is imported, much is left out as unused. */
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

/** What esbuild throws: its messages, and what a plugin threw as the detail of one. */
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

/** What esbuild says is wrong, as one line; anything else passes through. */
function explained(cause: unknown): unknown {
  const [first] = failureSchema.safeParse(cause).data?.errors ?? [];
  if (first === undefined) return cause;
  const { text, location, detail } = first;
  if (detail instanceof BuildError) return detail;
  return new BuildError({
    what: `the programs cannot be bundled: ${text}`,
    where: location === null ? undefined : `${location.file}:${location.line}`,
    fix: 'Mend the source; a package that is missing comes with `npm ci`.',
    cause,
  });
}
