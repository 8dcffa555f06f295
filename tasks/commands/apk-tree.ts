import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { openCache } from '../../build/cache/mark.ts';
import { BuildError } from '../../build/error.ts';
import { errorCode } from '../../build/process/errno.ts';
import { cacheOption, defineCommand } from './define.ts';

const EPILOGUE = `Prints the tar of what apk would put into an empty root with
  apk --root R --initdb --no-scripts add NAMES
files with owners and modes, apk's database and configuration. No package script is run. NAMES are what
apk takes: name, name@tag, name>=1.2 (also = < > <= ~), !name. --world-arg is one more of them, written as
an option, so that a constraint stands apart from what is wanted: --world-arg 'openssl>=3' --world-arg '!mdev'.
Time stamps are those of the newest package, or SOURCE_DATE_EPOCH.

  qx-build apk tree --arch aarch64 --keys-dir keys --repository http://…/main -- alpine-base > rootfs.tar`;

/** `qx-build apk tree`: writes the root filesystem that `apk add` would make to standard output, as a tar. */
export const apkTreeCommand = defineCommand({
  command: 'tree',
  describe: 'Print the tar of the root filesystem that apk add would make: tree … -- NAMES',
  builder: (yargs) =>
    cacheOption(yargs)
      .parserConfiguration({ 'populate--': true })
      .option('arch', {
        type: 'string',
        demandOption: true,
        describe: 'Architecture, as Alpine calls it: aarch64, …',
      })
      .option('keys-dir', {
        type: 'string',
        demandOption: true,
        describe: 'Folder of the public keys that are trusted, under their names',
      })
      .option('repository', {
        type: 'string',
        array: true,
        nargs: 1,
        demandOption: true,
        describe:
          'A folder or address with <arch>/APKINDEX.tar.gz, or "@TAG ADDRESS"; the order counts',
      })
      .option('world-arg', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'One more constraint or name for the world, besides NAMES',
      })
      .epilogue(EPILOGUE),
  paths: ({ keysDir, repository, cacheDir }) => ({
    reads: [keysDir, ...repository.map(repositoryFolder).filter((path) => path !== undefined)],
    writes: cacheDir === undefined ? [] : [cacheDir],
  }),
  handler: async (options, { signal }) => {
    refuseTerminal();
    const { assembleRoot } = await import('../../build/base/alpine/assemble.ts');
    const { parseRepositoryAddress } = await import(
      '../../build/base/alpine/repository/address.ts'
    );
    const { readKeys } = await import('../../build/base/alpine/signature/keys.ts');
    const { tarStream } = await import('../../build/tree/tar-stream.ts');
    const names = options['--'];
    const onNote = (line: string) => process.stderr.write(`${line}\n`);
    const { tree, reader, epoch } = await assembleRoot({
      architecture: options.arch,
      keys: await readKeys(options.keysDir, onNote),
      repositories: options.repository.map(parseRepositoryAddress),
      wanted: [...options.worldArg, ...(Array.isArray(names) ? names.map(String) : [])],
      cache: openCache(options.cacheDir),
      signal,
      onNote,
    });
    using _ = reader;
    await write(tarStream(tree, sourceDateEpoch() ?? epoch), process.stdout, signal);
  },
});

/** Returns the folder of a repository; none if it is not local. */
function repositoryFolder(repository: string): string | undefined {
  const address = repository.replace(/^@\S+\s+/, '');
  if (!URL.canParse(address)) return address;
  return address.startsWith('file:') ? fileURLToPath(address) : undefined;
}

async function write(chunks: Iterable<Buffer>, to: Writable, signal: AbortSignal): Promise<void> {
  try {
    await pipeline(Readable.from(chunks), to, { signal, end: false });
  } catch (error) {
    if (errorCode(error) !== 'EPIPE') throw error;
    throw new BuildError({
      what: 'the program that reads the tar ended before the end of the tar',
      cause: error,
    });
  }
}

function refuseTerminal(): void {
  if (process.stdout.isTTY !== true) return;
  throw new BuildError({
    what: 'standard output is a terminal, a tar is not for reading',
    fix: 'Send it to a file or to tar: … > rootfs.tar, … | tar -tv.',
  });
}

/**
 * Reads a time in seconds since 1970 from the environment (https://reproducible-builds.org/specs/source-date-epoch/).
 */
function sourceDateEpoch(): number | undefined {
  const text = process.env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new BuildError({
    what: `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, which is not a time`,
    fix: 'Set it to seconds since 1970, or not at all.',
  });
}
