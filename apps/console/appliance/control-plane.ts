import { CONTROL_PLANE_SOCKET, type Readiness, readinessSchema } from '../../api/readiness.ts';
import { ask } from '../../http/ask.ts';

/** Asks the control plane of this machine for its readiness. @throws AnswerError with a message for people */
export function askReadiness(
  signal: AbortSignal,
  socketPath = CONTROL_PLANE_SOCKET,
): Promise<Readiness> {
  return ask({
    whom: { name: 'the control plane', service: 'qx-controlplane', socketPath },
    path: '/readyz',
    schema: readinessSchema,
    signal,
  });
}
