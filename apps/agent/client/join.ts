import { healthSchema } from '../../api/health.ts';
import { askAgent } from './ask-agent.ts';

/**
 * Has the running agent join a control plane.
 * @returns how it stands now, in a line
 * @throws AnswerError why it has not joined
 */
export async function joinControlPlane(
  socketPath: string,
  invitation: { address: string; token: string },
): Promise<string> {
  const { state, address, problem } = await askAgent({
    socketPath,
    method: 'POST',
    path: '/v1/control-plane/join',
    body: JSON.stringify(invitation),
    schema: healthSchema.shape.controlPlane,
  });
  const where = address === null ? '' : ` ${address}`;
  return `joined${where}: ${state}${problem === null ? '' : `, ${problem}`}`;
}
