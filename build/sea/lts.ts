import { ARCHITECTURES, type ArchitectureName, mapArchitectures } from '../architecture.ts';
import type { NpmArchive } from './npm-archive.ts';

/** Version of the packages to which `ltsIntegrity` of the architectures belongs. */
const VERSION = '24.20.0';

/**
 * Architecture → npm package with a Node of the major version that Alpine has, the oldest that the programs support.
 * Tests run the programs on this Node, and it prepares programs for a Node that this host cannot run. It is not a
 * dependency in `package.json`, because npm links only one program per name: with two packages that contain `node`, npm
 * may link the wrong one or none.
 */
export const LTS_NODE = mapArchitectures((name: ArchitectureName): NpmArchive => {
  const { node, ltsIntegrity: integrity } = ARCHITECTURES[name];
  return { package: `node-linux-${node}`, version: VERSION, integrity };
});
