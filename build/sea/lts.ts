import { ARCHITECTURES, type ArchitectureName, forArchitectures } from '../architecture.ts';
import { must } from '../error.ts';
import type { NpmArchive } from './npm-archive.ts';

const VERSION = '24.20.0';
/** Integrity of its npm packages, by Node's names of architectures. */
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
 * The Node release line that Alpine has, with the oldest major version that the programs run on: their tests run on it,
 * and it prepares programs for a Node that this host cannot run. It is not a dependency in `package.json`, because npm
 * links only one program per name: with two packages that contain `node`, it may link the wrong one or none.
 */
export const LTS_NODE = forArchitectures((name: ArchitectureName): NpmArchive => {
  const { node } = ARCHITECTURES[name];
  const integrity = must(INTEGRITY.get(node), `integrity of Node ${VERSION} for ${node}`);
  return { package: `node-linux-${node}`, version: VERSION, integrity };
});
