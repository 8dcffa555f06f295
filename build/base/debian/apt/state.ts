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

/** What an `AptState` is made of. */
export interface AptSettings {
  /** Folder for this run alone. */
  directory: string;
  /**
   * Folder for the indexes of just these sources and components, and for apt's parse of them; runs share it, and
   * hold a lock while they use it.
   */
  indexes: string;
  sources: readonly Source[];
  components: readonly string[];
  /** Debian's name of the architecture whose packages count; it need not be the host's. */
  architecture: string;
  /** Path of the keys whose signatures count. */
  keyring: string;
  network: AptNetwork;
  /** Now, as the host has it. */
  now: Date;
  signal?: AbortSignal | undefined;
}

/**
 * Runs apt with a configuration, a state and a status of dpkg that are its own: no root, and neither the host's
 * packages nor its apt configuration play a part. The sandbox user is disabled, because whoever runs the build may have
 * no name and cannot become another user.
 */
export class AptState {
  readonly #settings: AptSettings;

  private constructor(settings: AptSettings) {
    this.#settings = settings;
  }

  /** Prepares both folders. */
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
    // Written once: apt makes its parse of the indexes anew when this file is newer.
    const list = join(indexes, 'sources.list');
    if (!existsSync(list)) await writeFileAtomically(list, lines.join(''));
    await writeFile(join(directory, 'apt.conf'), formatConfiguration(configurationOf(settings)));
    const state = new AptState(settings);
    await state.pretendInstalled('');
    return state;
  }

  /** The folder in which apt keeps the indexes that it verified. */
  get lists(): string {
    return join(this.#settings.indexes, 'lists');
  }

  /** Says which packages count as installed, as stanzas of dpkg's status file. */
  async pretendInstalled(status: string): Promise<void> {
    await writeFileAtomically(join(this.#settings.directory, 'status'), status);
  }

  /**
   * Fetches the indexes; signatures are checked by apt. What it made of them is left alone: it is made anew only if
   * an index changed.
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
   * Says from where apt would fetch the packages that some names need; its remarks are among the lines.
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

/** Settings that apt reads before all others; as its `Dir::Etc` is ours, there are no others. */
function configurationOf({ directory, indexes, architecture, network }: AptSettings) {
  return [
    ['Dir::Etc', join(directory, 'etc')],
    ['Dir::Etc::sourcelist', join(indexes, 'sources.list')],
    ['Dir::State', directory],
    ['Dir::State::lists', join(indexes, 'lists')],
    ['Dir::State::status', join(directory, 'status')],
    ['Dir::Cache', directory],
    ['Dir::Cache::srcpkgcache', join(indexes, 'srcpkgcache.bin')],
    // Whoever writes into the shared folder holds a lock on it.
    ['Debug::NoLocking', 'true'],
    ['APT::Sandbox::User', 'root'],
    ['APT::Architecture', architecture],
    ['APT::Architectures', [architecture]],
    ['APT::Install-Recommends', 'false'],
    ['APT::Install-Suggests', 'false'],
    // The solver that apt 2 and apt 3 have in common.
    ['APT::Solver', 'internal'],
    ['APT::Get::Assume-Yes', 'true'],
    ['Acquire::Languages', 'none'],
    // Dates are compared by `freshness.ts`, which can tell a wrong clock from an old index.
    ['Acquire::Check-Date', 'false'],
    ['Acquire::Check-Valid-Until', 'false'],
    ...network.settings,
  ] as const;
}
