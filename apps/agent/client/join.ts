import { healthSchema } from '../../api/health.ts';
import { askAgent } from './ask-agent.ts';

/**
 * Makes the running agent join a control plane.
 * @returns the state of the connection, in one line
 * @throws AnswerError saying why it has not joined
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

/**
 * Makes the running agent leave its control plane.
 * @param force whether to leave even if the control plane cannot be informed
 * @returns the result, in one line
 * @throws AnswerError saying why it has not left
 */
export async function leaveControlPlane(socketPath: string, force: boolean): Promise<string> {
  await askAgent({
    socketPath,
    method: 'POST',
    path: '/v1/control-plane/leave',
    body: JSON.stringify({ force }),
    schema: healthSchema.shape.controlPlane,
  });
  return 'left; this host belongs to no control plane, and its virtual machines stay';
}
