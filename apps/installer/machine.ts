import { join } from 'node:path';
import { readBootFiles } from '../../build/disk/boot-files.ts';
import { makeExt4 } from '../disk/make-ext4.ts';
import { openBlockDevice } from '../disk/open-block-device.ts';
import { checkMedium } from './check-medium.ts';
import { putFiles } from './file-systems.ts';
import type { MachineOperations } from './install.ts';
import { MEDIUM, type Medium, PATHS, readImage } from './medium.ts';
import { readMachine } from './read-facts.ts';
import { releaseDevice } from './release.ts';

/** Creates the operations on this machine. */
export function createMachineOperations(medium: Medium, signal: AbortSignal): MachineOperations {
  return {
    readMachine: () => readMachine({ image: medium.facts, openToRead: openBlockDevice }),
    release: releaseDevice,
    claim: (path) => openBlockDevice(path, { write: true }),
    readImage: () => readImage(medium.device, medium.facts.bytes, signal),
    checkMedium: (onBytes) => checkMedium(MEDIUM, signal, onBytes),
    readBootFiles: () => readBootFiles(join(MEDIUM, PATHS.bootFiles)),
    makeFileSystem: ({ path }, partition) => makeExt4(path, partition, signal),
    putFiles: ({ path }, partition, files) => putFiles(path, partition, files, signal),
  };
}
