import { join } from 'node:path';
import { PROJECT } from '../project.ts';

const OVERLAY = join(PROJECT, 'overlay/qvdc');

/** Files of the image that are needed to start a control plane on any machine. */
export const IMAGE = {
  scripts: join(OVERLAY, 'usr/lib/quantix/vdc'),
  migrations: join(OVERLAY, 'usr/share/quantix-vdc/migrations'),
  postgresql: join(OVERLAY, 'etc/quantix-vdc/postgresql'),
} as const;
