import { readImage } from '../../host/image.ts';
import { lockRecord } from './choose.ts';
import { type Answers, judgeTrial } from './decide.ts';
import type { DeploymentPlaces } from './places.ts';
import { sweep } from './programs.ts';
import { type DeploymentRecord, readRecord, writeRecord } from './record.ts';
import { askRunning, endAgent, markSettled, readMoment, readRunning } from './running.ts';

/** State of the change to the chosen agent. */
export interface Settled {
  /** The present record; `undefined` if nothing is deployed on this image. */
  record: DeploymentRecord | undefined;
  /** Why the change is not complete; `undefined` if the chosen agent runs and is not on trial. */
  waits: string | undefined;
}

/**
 * Checks whether the chosen agent runs, ends a different running agent, and confirms or takes back an agent on trial.
 * Several processes may call this at any time: the command that deploys an agent, and the service until the agent is
 * settled.
 */
export async function settle(places: DeploymentPlaces): Promise<Settled> {
  const answers = await askRunning(places);
  const { record, waits } = await judge(places, answers);
  const wanted = record?.active?.id ?? null;
  const running = await readRunning(places);
  if (running !== undefined && running.id !== wanted) {
    await endAgent(running.pid);
    return { record, waits: waits ?? 'the agent that ran until now ends' };
  }
  if (waits !== undefined) return { record, waits };
  if ('silent' in answers) return { record, waits: answers.silent };
  if (answers.agent.id !== wanted) return { record, waits: 'another agent answers' };
  await markSettled(places);
  return { record, waits: undefined };
}

async function judge(places: DeploymentPlaces, answers: Answers): Promise<Settled> {
  await using _ = await lockRecord(places);
  const [image, moment] = await Promise.all([readImage(places.root), readMoment(places)]);
  const found = await readRecord(places.record);
  const record = found?.image === image.build ? found : undefined;
  if (record === undefined || record.trial === null) return { record, waits: undefined };
  const judged = judgeTrial(record, answers, moment);
  if (judged.record === record) return judged;
  await writeRecord(places.record, judged.record);
  const { active, previous } = judged.record;
  await sweep(
    places.programs,
    [active, previous].flatMap((agent) => agent?.id ?? []),
  );
  return { record: judged.record, waits: undefined };
}
