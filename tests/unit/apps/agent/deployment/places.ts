import { join } from 'node:path';
import type { DeploymentPlaces } from '../../../../../apps/agent/deployment/places.ts';

/** The places of a host in a folder. */
export function placesIn(root: string): DeploymentPlaces {
  return {
    record: join(root, 'quantix/node/deployment.json'),
    programs: join(root, 'data/agent'),
    keys: join(root, 'usr/share/quantix/release-keys'),
    root,
    run: join(root, 'run/quantix'),
    supervisor: join(root, 'run/qx-node.pid'),
    socket: join(root, 'run/quantix/node.sock'),
  };
}
