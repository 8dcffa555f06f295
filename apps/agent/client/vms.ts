import { vmSchema } from '../../api/vms.ts';
import { askAgent } from './ask-agent.ts';

/** Operation on a virtual machine: `destroy` powers it off. */
export type VmVerb = 'start' | 'shutdown' | 'destroy';

/**
 * Makes the running agent perform an operation on a virtual machine.
 * @param id UUID of the machine
 * @throws AnswerError that says why the operation failed
 */
export async function actOnVm(
  { id, verb }: { id: string; verb: VmVerb },
  signal: AbortSignal,
): Promise<void> {
  const path = `/v1/vms/${encodeURIComponent(id)}/${verb}`;
  await askAgent({ method: 'POST', path, schema: vmSchema.nullable(), signal });
}
