import { must } from '../error.ts';
import { type Artifact, formatPackageUrl } from '../sbom/materials.ts';
import type { NpmPackages } from '../step/npm.ts';
import type { NodeArchive, Runtime } from './runtime.ts';

/**
 * Lists the third-party components in the executable for the bill of materials: Node, unless it is a package of the
 * base, and npm packages.
 * @param folders folders of the npm packages in the bundle: `node_modules/zod`
 */
export function listComponents(
  runtime: Runtime,
  npm: NpmPackages,
  folders: readonly string[],
): Artifact[] {
  const node = runtime.from === 'package' ? [] : [nodeComponent(runtime)];
  return [...node, ...folders.map((folder) => npmComponent(folder, npm))];
}

function nodeComponent(runtime: NodeArchive): Artifact {
  const { version } = runtime;
  const node = { type: 'application', name: 'node', version, license: 'MIT' } as const;
  const supplier = 'OpenJS Foundation';
  const purl = formatPackageUrl({ type: 'generic', name: 'node', version });
  if (runtime.from === 'npm') return { ...node, supplier, purl, hashes: hashesIn(runtime) };
  const { url, sha256 } = runtime;
  return { ...node, supplier, purl, url, hashes: { 'SHA-256': sha256 } };
}

function npmComponent(folder: string, npm: NpmPackages): Artifact {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const { license, integrity, ...own } = must(npm.get(folder), `npm package in ${folder}`);
  const version = must(own.version, `version of ${name}`);
  const [namespace, bare] = name.includes('/') ? name.split('/') : [undefined, name];
  const purl = formatPackageUrl({ type: 'npm', namespace, name: bare ?? name, version });
  return { type: 'library', name, version, purl, license, hashes: hashesIn({ integrity }) };
}

/** Returns the SHA-512 in a package's integrity (Subresource Integrity, W3C): one or several `sha512-<base64>`. */
function hashesIn({ integrity = '' }: { integrity?: string | undefined }): Artifact['hashes'] {
  const base64 = /(?:^|\s)sha512-([A-Za-z0-9+/]{86}==)/.exec(integrity)?.[1];
  return base64 === undefined ? {} : { 'SHA-512': Buffer.from(base64, 'base64').toString('hex') };
}
