import { vmSchema } from '../../api/vms.ts';
import { askAgent } from './ask-agent.ts';

/** What can be done to a virtual machine: `destroy` cuts its power. */
export type VmVerb = 'start' | 'shutdown' | 'destroy';

/**
 * Has the running agent do something to a virtual machine.
 * @param id its UUID
 * @throws AnswerError why it did not
 */
export async function actOnVm(
  { id, verb }: { id: string; verb: VmVerb },
  signal: AbortSignal,
): Promise<void> {
  const path = `/v1/vms/${encodeURIComponent(id)}/${verb}`;
  await askAgent({ method: 'POST', path, schema: vmSchema.nullable(), signal });
}
