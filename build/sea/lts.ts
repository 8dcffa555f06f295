import { ARCHITECTURES, type ArchitectureName, mapArchitectures } from '../architecture.ts';
import type { NpmArchive } from './npm-archive.ts';

/** `ltsIntegrity` of the architectures is of this version. */
const VERSION = '24.20.0';

/**
 * The Node release line that Alpine has, with the oldest major version that the programs run on: their tests run on it,
 * and it prepares programs for a Node that this host cannot run. It is not a dependency in `package.json`, because npm
 * links only one program per name: with two packages that contain `node`, it may link the wrong one or none.
 */
export const LTS_NODE = mapArchitectures((name: ArchitectureName): NpmArchive => {
  const { node, ltsIntegrity: integrity } = ARCHITECTURES[name];
  return { package: `node-linux-${node}`, version: VERSION, integrity };
});
