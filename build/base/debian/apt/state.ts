import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../../../error.ts';
import { writeFileAtomically } from '../../../process/atomic-write.ts';
import { run } from '../../../process/run.ts';
import type { Source } from './candidates.ts';
import { formatConfiguration } from './configuration.ts';
import { explainUpdate } from './failure.ts';
import type { AptNetwork } from './network.ts';

/** Input of `AptState.prepare`. */
export interface AptSettings {
  /** Folder for this run only. */
  directory: string;
  /**
   * Folder for the indexes of exactly these sources and components, and for apt's parsed cache of them; runs share it
   * and lock it while they use it.
   */
  indexes: string;
  sources: readonly Source[];
  components: readonly string[];
  /** Debian's name of the packages' architecture; it may differ from the host's. */
  architecture: string;
  /** Path of the trusted keys. */
  keyring: string;
  network: AptNetwork;
  /** The host's current time. */
  now: Date;
  signal?: AbortSignal | undefined;
}

/**
 * Runs apt with its own configuration, state directory and dpkg status: without root, and independent of the host's
 * packages and apt configuration. The sandbox user is disabled, because the current user may have no passwd entry and
 * cannot become another user.
 */
export class AptState {
  readonly #settings: AptSettings;

  private constructor(settings: AptSettings) {
    this.#settings = settings;
  }

  /** Creates both folders, and writes apt's configuration into them. */
  static async prepare(settings: AptSettings): Promise<AptState> {
    const { directory, indexes, sources, components, keyring } = settings;
    const etc = ['apt.conf.d', 'preferences.d', 'sources.list.d', 'trusted.gpg.d'];
    for (const folder of [
      ...etc.map((name) => join(directory, 'etc', name)),
      join(directory, 'archives/partial'),
      join(indexes, 'lists/partial'),
    ]) {
      await mkdir(folder, { recursive: true });
    }
    const lines = sources.map(
      ({ address, suite }) =>
        `deb [signed-by=${keyring}] ${address} ${suite} ${components.join(' ')}\n`,
    );
    // Written only once: apt rebuilds its parsed cache if this file is newer.
    const list = join(indexes, 'sources.list');
    if (!existsSync(list)) await writeFileAtomically(list, lines.join(''));
    await writeFile(join(directory, 'apt.conf'), formatConfiguration(configurationOf(settings)));
    const state = new AptState(settings);
    await state.pretendInstalled('');
    return state;
  }

  /** The folder in which apt keeps verified indexes. */
  get lists(): string {
    return join(this.#settings.indexes, 'lists');
  }

  /** Declares packages as installed, by stanzas of dpkg's status file. */
  async pretendInstalled(status: string): Promise<void> {
    await writeFileAtomically(join(this.#settings.directory, 'status'), status);
  }

  /**
   * Fetches the indexes; apt checks their signatures. apt's parsed cache is kept: apt rebuilds it only if an index has
   * changed.
   * @throws BuildError if a mirror cannot be reached or a signature is wrong
   */
  async update(): Promise<void> {
    const options = [
      'Dir::Cache::srcpkgcache=',
      'Dir::Cache::pkgcache=',
      'pkgCacheFile::Generate=false',
    ];
    try {
      await this.#run('apt-get', [
        '-q=2',
        ...options.flatMap((one) => ['-o', one]),
        'update',
        '--error-on=any',
      ]);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      throw explainUpdate(error, this.#settings.now);
    }
  }

  /**
   * Returns the addresses of some packages and their dependencies, in apt's format and mixed with apt's messages.
   * @throws BuildError if they cannot be installed together
   */
  printUris(names: readonly string[]): Promise<string> {
    return this.#run('apt-get', ['-q=1', '--print-uris', 'install', ...names]);
  }

  /** Runs `apt-cache` and returns what it prints. */
  cache(args: readonly string[]): Promise<string> {
    return this.#run('apt-cache', ['-q=2', ...args]);
  }

  #run(tool: 'apt-get' | 'apt-cache', args: readonly string[]): Promise<string> {
    const { directory, network, signal } = this.#settings;
    const env = { APT_CONFIG: join(directory, 'apt.conf'), no_proxy: network.exempt };
    return run(tool, args, { env, signal });
  }
}

/** Settings that apt reads first; since `Dir::Etc` is this run's own folder, apt finds no other settings. */
function configurationOf({ directory, indexes, architecture, network }: AptSettings) {
  return [
    ['Dir::Etc', join(directory, 'etc')],
    ['Dir::Etc::sourcelist', join(indexes, 'sources.list')],
    ['Dir::State', directory],
    ['Dir::State::lists', join(indexes, 'lists')],
    ['Dir::State::status', join(directory, 'status')],
    ['Dir::Cache', directory],
    ['Dir::Cache::srcpkgcache', join(indexes, 'srcpkgcache.bin')],
    // apt's own locks are off: every process that writes to the shared folder holds a lock on it.
    ['Debug::NoLocking', 'true'],
    ['APT::Sandbox::User', 'root'],
    ['APT::Architecture', architecture],
    ['APT::Architectures', [architecture]],
    ['APT::Install-Recommends', 'false'],
    ['APT::Install-Suggests', 'false'],
    // The solver that both apt 2 and apt 3 have.
    ['APT::Solver', 'internal'],
    ['APT::Get::Assume-Yes', 'true'],
    ['Acquire::Languages', 'none'],
    // Dates are checked in `freshness.ts`, which distinguishes a wrong clock from an old index.
    ['Acquire::Check-Date', 'false'],
    ['Acquire::Check-Valid-Until', 'false'],
    ...network.settings,
  ] as const;
}
