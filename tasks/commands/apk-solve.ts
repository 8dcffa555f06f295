import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RepositorySource, Source } from '../../build/base/alpine/applets/simulate.ts';
import { BuildError } from '../../build/error.ts';
import { errorCode } from '../../build/process/errno.ts';
import { defineCommand } from './define.ts';

const EPILOGUE =
  'Prints what apk would do, a line each, then OK and how many packages are installed afterwards; or ERROR with ' +
  'its kind (unsatisfiable, syntax, other) and details behind bars. Both are answers: the exit code is 0. ' +
  'It is 1 if a file cannot be read, 2 if an option of this command is wrong.';

/** An index with a tag: `@TAG=FILE`. */
const TAGGED = /^@([^=]+)=(.*)$/s;

/** `qx-build apk solve`: shows what apk would do, without doing it. */
export const apkSolveCommand = defineCommand({
  command: 'solve',
  describe: 'Say what apk would do, given a system and repositories: solve … -- add nginx',
  builder: (yargs) =>
    yargs
      .parserConfiguration({ 'populate--': true, 'parse-positional-numbers': false })
      .option('arch', { type: 'string', describe: 'CPU of the system' })
      .option('world', { type: 'string', demandOption: true, describe: 'What is wanted on it' })
      .option('installed', {
        type: 'string',
        demandOption: true,
        describe: 'Database of its installed packages',
      })
      .option('repo', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'An index, plain or .tar.gz, as [@TAG=]FILE; the order counts',
      })
      .option('cache-installed', {
        type: 'string',
        describe: 'List of packages in its cache that no repository has any more',
      })
      .example('$0 apk solve --world world --installed installed --repo main -- add -u nginx', '')
      .epilogue(EPILOGUE),
  paths: ({ world, installed, repo, cacheInstalled }) => ({
    reads: [
      world,
      installed,
      ...repo.map((option) => TAGGED.exec(option)?.[2] ?? option),
      ...(cacheInstalled === undefined ? [] : [cacheInstalled]),
    ],
    writes: [],
  }),
  handler: async (options, { output }) => {
    const { simulate } = await import('../../build/base/alpine/applets/simulate.ts');
    const { cacheInstalled } = options;
    const situation = {
      architecture: options.arch,
      world: await sourceOf(options.world),
      installed: await sourceOf(options.installed),
      cache: cacheInstalled === undefined ? undefined : await sourceOf(cacheInstalled),
      repositories: await Promise.all(options.repo.map(repositoryOf)),
    };
    const words = options['--'];
    const lines = simulate(situation, Array.isArray(words) ? words.map(String) : []);
    for (const line of lines) output.say(line);
  },
});

async function repositoryOf(option: string): Promise<RepositorySource> {
  const [, tag = '', file = option] = TAGGED.exec(option) ?? [];
  return { ...(await sourceOf(file)), tag };
}

async function sourceOf(file: string): Promise<Source> {
  const where = resolve(file);
  try {
    const bytes = await readFile(where);
    const { refuseVersion3 } = await import('../../build/base/alpine/archive/damaged.ts');
    refuseVersion3(bytes, where);
    return { where, text: isPlain(bytes) ? bytes.toString('utf8') : await opened(bytes, where) };
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new BuildError({ what: `cannot be read: ${code}`, where, cause: error });
  }
}

function isPlain(bytes: Buffer): boolean {
  return bytes[0] !== 0x1f || bytes[1] !== 0x8b;
}

async function opened(bytes: Buffer, where: string): Promise<string> {
  const { openIndexArchive } = await import('../../build/base/alpine/index/archive.ts');
  return openIndexArchive(bytes, where).text;
}
