import type { Base } from '../../contract/base.ts';
import { skeleton } from '../system/skeleton.ts';
import { finishDebian } from './finish.ts';
import { mergeDebian } from './merge.ts';
import { openDebianPackage } from './open.ts';
import { debianRequest, resolveDebian, sourcesFor } from './resolve.ts';

/** Packages from Debian: apt resolves and verifies, dpkg-deb opens. */
export const debian: Base = {
  name: 'debian',
  request: debianRequest,
  resolve: resolveDebian,
  mirrors: async (request) =>
    new Map(sourcesFor(request).map(({ suite, address }) => [suite, [address]])),
  reader: () => ({ name: 'debian', readerVersion: 1, open: openDebianPackage }),
  merge: mergeDebian,
  skeleton,
  finish: finishDebian,
};
