import {
  type Maintenance,
  type MaintenanceRequest,
  maintenanceSchema,
} from '../../api/maintenance.ts';
import { askAgent } from './ask-agent.ts';

/**
 * Makes the running agent begin or end maintenance.
 * @returns the new state, in one line
 * @throws AnswerError that says why the state has not changed
 */
export async function setMaintenance(
  socketPath: string,
  request: MaintenanceRequest,
): Promise<string> {
  const maintenance = await askAgent({
    socketPath,
    method: 'POST',
    path: '/v1/maintenance',
    body: JSON.stringify(request),
    schema: maintenanceSchema,
  });
  return describeMaintenance(maintenance);
}

/** Describes maintenance: `on since 2026-01-27T10:15:00.000Z: new memory`, or `off`. */
export function describeMaintenance({ on, since, reason }: Maintenance): string {
  if (!on) return 'off';
  return `on${since === null ? '' : ` since ${since}`}${reason === null ? '' : `: ${reason}`}`;
}
