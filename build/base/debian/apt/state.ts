import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../../../error.ts';
import { writeFileAtomically } from '../../../process/atomic-write.ts';
import { run } from '../../../process/run.ts';
import type { Source } from './sources.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Hooks of the host that must not run for us; apt.conf(5). */
const HOOKS = [
  'APT::Update::Pre-Invoke',
  'APT::Update::Post-Invoke',
  'APT::Update::Post-Invoke-Success',
  'DPkg::Pre-Invoke',
  'DPkg::Post-Invoke',
  'DPkg::Pre-Install-Pkgs',
];

/**
 * apt against a folder of our own: no root, and the host's packages play no part. The host's configuration is
 * read first, for its proxies and the like. apt keeps the user it was started as, who need not have a name.
 */
export class AptState {
  readonly directory: string;
  readonly #signal: AbortSignal | undefined;

  private constructor(directory: string, signal: AbortSignal | undefined) {
    this.directory = directory;
    this.#signal = signal;
  }

  /** Prepares the folder for these sources and this suite's components. */
  static async prepare(
    directory: string,
    {
      sources,
      components,
      architecture,
      signal,
    }: {
      sources: readonly Source[];
      components: readonly string[];
      /** Debian's name of the architecture whose packages count; it need not be the host's. */
      architecture: string;
      signal?: AbortSignal | undefined;
    },
  ): Promise<AptState> {
    for (const folder of ['lists/partial', 'archives/partial', 'empty']) {
      await mkdir(join(directory, folder), { recursive: true });
    }
    const line = ({ address, suite }: Source) =>
      `deb [signed-by=${KEYRING}] ${address} ${suite} ${components.join(' ')}\n`;
    await writeFileAtomically(join(directory, 'sources.list'), sources.map(line).join(''));
    await writeFileAtomically(join(directory, 'apt.conf'), configuration(directory, architecture));
    const state = new AptState(directory, signal);
    await state.pretendInstalled('');
    return state;
  }

  /** Says which packages count as installed, as stanzas of dpkg's status file. */
  async pretendInstalled(status: string): Promise<void> {
    await writeFileAtomically(join(this.directory, 'status'), status);
  }

  /**
   * Fetches the indexes; signatures are checked by apt.
   * @throws BuildError if a mirror cannot be reached or a signature is wrong
   */
  async update(): Promise<void> {
    try {
      await this.get(['update', '--error-on=any']);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      throw new BuildError({
        what: `the package indexes cannot be had: ${firstComplaint(error.what)}`,
        where: join(this.directory, 'sources.list'),
        fix: 'Check the network, or name a mirror: MIRROR=…',
        cause: error,
      });
    }
  }

  /** Runs `apt-get` and returns what it prints. */
  get(args: readonly string[]): Promise<string> {
    return this.#run('apt-get', args);
  }

  /** Runs `apt-cache` and returns what it prints. */
  cache(args: readonly string[]): Promise<string> {
    return this.#run('apt-cache', args);
  }

  #run(tool: 'apt-get' | 'apt-cache', args: readonly string[]): Promise<string> {
    const options = ['-c', join(this.directory, 'apt.conf'), '-q=2'];
    return run(tool, [...options, ...args], { signal: this.#signal });
  }
}

function configuration(directory: string, architecture: string): string {
  const settings: Record<string, string> = {
    'Dir::State': directory,
    'Dir::State::lists': join(directory, 'lists'),
    'Dir::State::status': join(directory, 'status'),
    'Dir::State::extended_states': join(directory, 'extended_states'),
    'Dir::Cache': directory,
    'Dir::Cache::archives': join(directory, 'archives'),
    'Dir::Cache::pkgcache': 'pkgcache.bin',
    'Dir::Cache::srcpkgcache': 'srcpkgcache.bin',
    'Dir::Etc::sourcelist': join(directory, 'sources.list'),
    'Dir::Etc::sourceparts': join(directory, 'empty'),
    'Dir::Etc::preferences': join(directory, 'empty', 'none'),
    'Dir::Etc::preferencesparts': join(directory, 'empty'),
    'Debug::NoLocking': 'true',
    'APT::Sandbox::User': 'root',
    'APT::Install-Recommends': 'false',
    'APT::Install-Suggests': 'false',
    'APT::Architecture': architecture,
    'APT::Get::Assume-Yes': 'true',
    'Acquire::Languages': 'none',
  };
  return [
    ...HOOKS.map((hook) => `#clear ${hook};`),
    '#clear APT::Architectures;',
    `APT::Architectures:: "${architecture}";`,
    ...Object.entries(settings).map(([key, value]) => `${key} "${value}";`),
    '',
  ].join('\n');
}

/** The first `E:` of apt's words, which says most. */
function firstComplaint(words: string): string {
  return /E: (.*?)(?: \| |$)/.exec(words)?.[1] ?? words;
}
