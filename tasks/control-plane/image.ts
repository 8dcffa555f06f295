import { join, resolve } from 'node:path';

/** The project's folder. */
export const PROJECT = resolve(import.meta.dirname, '../..');

const OVERLAY = join(PROJECT, 'overlay/qvdc');

/** The image's files that a control plane is started from on any machine. */
export const IMAGE = {
  scripts: join(OVERLAY, 'usr/lib/quantix/vdc'),
  migrations: join(OVERLAY, 'usr/share/quantix-vdc/migrations'),
  postgresql: join(OVERLAY, 'etc/quantix-vdc/postgresql'),
} as const;
