import { ARCHITECTURES, type ArchitectureName, forArchitectures } from '../architecture.ts';
import { must } from '../error.ts';
import type { NpmArchive } from './npm-archive.ts';

const VERSION = '24.20.0';
/** Of its packages on npm, by the names that Node gives architectures. */
const INTEGRITY = new Map([
  [
    'x64',
    'sha512-tkBwUleGts0UUnK+6HKJkEsOMFb9bkG/YvXw8/alFTaDSUbneVeAFVqu6ELHXuyvVYP4vo1hNAAEfN9zl0Cm3g==',
  ],
  [
    'arm64',
    'sha512-LDOiQuLlruQpQRp0ddfGZurc1xqYSlX3dYk/3shzhQfCb8IgCPwtWf1RMQCGAWGFhZNbhihhSwGeNRHA+V2pTg==',
  ],
]);

/**
 * Node of the line that Alpine ships, of the oldest major version that the programs run on: their tests run on it, and
 * it prepares the programs of a Node that this host cannot run. It is no dependency in `package.json`: npm links one
 * program of each name, and of two packages with a `node` it may link the wrong one or none.
 */
export const LTS_NODE = forArchitectures((name: ArchitectureName): NpmArchive => {
  const { node } = ARCHITECTURES[name];
  const integrity = must(INTEGRITY.get(node), `integrity of Node ${VERSION} for ${node}`);
  return { package: `node-linux-${node}`, version: VERSION, integrity };
});
