import type { Deployment } from '../../api/agent.ts';
import { readImage } from '../../host/image.ts';
import { readLoss } from './loss.ts';
import type { DeploymentPlaces } from './places.ts';
import { type Deployed, readRecord } from './record.ts';

/**
 * Describes the deployed agents, from the running agent's point of view.
 * @param id of the running agent; `null` for the image's own
 * @param version of the running agent
 * @returns `null` if nothing was deployed or taken back on this image
 */
export async function describeDeployment(
  places: DeploymentPlaces,
  { id, version }: { id: string | null; version: string },
): Promise<Deployment | null> {
  const record = await readRecord(places.record);
  if (record === undefined && id === null) return null;
  const image = await readImage(places.root);
  const here = record?.image === image.build ? record : undefined;
  const takenBack = here?.takenBack ?? null;
  if (id === null && takenBack === null) return null;
  const { active = null, previous = null, trial = null } = here ?? {};
  // An agent that was taken back may still run for a moment.
  const known = [active, previous, takenBack].find((agent) => agent?.id === id);
  const runs = id === null ? null : { ...namesOf(known, version), state: stateOf(id) };
  const lost = runs === null ? null : await readLoss(places);
  return {
    runs,
    takenBack: takenBack && pick(takenBack),
    imageVersion: image.version,
    lost,
  };

  function stateOf(one: string) {
    if (active?.id !== one) return 'about to end' as const;
    return trial === null ? ('confirmed' as const) : ('on trial' as const);
  }
}

function namesOf(known: Deployed | null | undefined, version: string) {
  return { version, serial: known?.serial ?? null, since: known?.since ?? null };
}

function pick({ version, serial, since, at, reason }: NonNullable<Deployment['takenBack']>) {
  return { version, serial, since, at, reason };
}
