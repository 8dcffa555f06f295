import { ApiError } from '../../http/error.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import { ControlPlaneError } from '../error.ts';
import { explainErrors } from '../operator/routes.ts';
import type { NightlyBackups } from './nightly.ts';

/**
 * Creates the routes `/v1/backups` for the console; their bodies are in `apps/api/backups.ts`.
 * @param backups returns the backups; `undefined` while the control plane does not work yet
 */
export function backupRoutes({
  backups,
}: {
  backups: () => Pick<NightlyBackups, 'makeNow' | 'describe'> | undefined;
}): Route[] {
  const present = () => {
    const made = backups();
    if (made !== undefined) return made;
    throw new ApiError(503, 'no backups are made at the moment', {
      fix: 'logread | grep qx-controlplane shows why.',
    });
  };
  const routes: Route[] = [
    {
      method: 'GET',
      path: '/v1/backups',
      answer: async () => makeJsonAnswer(await present().describe()),
    },
    {
      method: 'POST',
      path: '/v1/backups',
      answer: async () => {
        const made = present();
        try {
          await made.makeNow();
        } catch (error) {
          if (error instanceof ControlPlaneError) throw new ApiError(409, error.message);
          throw error;
        }
        return makeJsonAnswer(await made.describe());
      },
    },
  ];
  return routes.map((route) => ({ ...route, answer: explainErrors(route.answer) }));
}
