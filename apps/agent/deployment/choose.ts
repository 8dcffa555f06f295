import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTrustedKeys, type TrustedKey } from '../../../build/release/keys.ts';
import { ExplainedError, messageOf } from '../../error.ts';
import { lockFile } from '../../files/file-lock.ts';
import { readImage } from '../../host/image.ts';
import { countStart, type Moment, takeBack } from './decide.ts';
import { type DeploymentPlaces, RUN_FILES } from './places.ts';
import { verifyDeployed } from './programs.ts';
import { type DeploymentRecord, takeRecord, writeRecord } from './record.ts';
import { markUnsettled, readMoment, readStarts, writeStarts } from './running.ts';

/** Seconds to wait for the lock of the record. */
const LOCK_PATIENCE = 30;

/** Locks the record. */
export async function lockRecord({ run }: DeploymentPlaces): Promise<AsyncDisposable> {
  await mkdir(run, { recursive: true });
  const holder = 'another process that chooses or changes the agent to run';
  return await lockFile(join(run, RUN_FILES.lock), { seconds: LOCK_PATIENCE, holder });
}

/**
 * Chooses the agent that the service starts. Counts the start of an agent on trial, and takes back an agent that must
 * not be started again.
 * @param say receives a line about an agent that was taken back
 * @returns path of a verified deployed agent; `undefined` for the image's own agent
 */
export async function chooseAgent(
  places: DeploymentPlaces,
  say: (line: string) => void,
): Promise<string | undefined> {
  await using _ = await lockRecord(places);
  const [image, moment] = await Promise.all([readImage(places.root), readMoment(places)]);
  const record = await takeRecord(places.record);
  if (record === undefined || record.image !== image.build || record.active === null) {
    return undefined;
  }
  const keys = await readTrustedKeys(places.keys);
  const { active } = record;
  const starts = [...(await readStarts(places, active.id)), moment.uptime];
  const counted = countStart(record, starts.slice(0, -1), moment);
  const chosen = await firstIntact(counted, { places, keys, moment });
  if (chosen.record.takenBack !== record.takenBack) reportTakenBack(chosen.record, say);
  try {
    if (chosen.record !== record) await writeRecord(places.record, chosen.record);
  } catch (error) {
    say(messageOf(error));
    // Without the record, the starts of a trial cannot be counted.
    if (chosen.record.trial !== null) return await intactPrevious(record, places, keys);
  }
  if (chosen.record.trial !== null) await markUnsettled(places);
  if (chosen.record.active !== null) {
    const { id } = chosen.record.active;
    await writeStarts(places, id, id === active.id ? starts : [moment.uptime]);
  }
  return chosen.file;
}

interface Checking {
  places: DeploymentPlaces;
  keys: readonly TrustedKey[];
  moment: Moment;
}

/**
 * Returns the path of the active agent if it is intact on the disk; otherwise takes it back, and tries the previous
 * agent. `file` is `undefined` if the image's own agent remains.
 */
async function firstIntact(
  record: DeploymentRecord,
  { places, keys, moment }: Checking,
): Promise<{ record: DeploymentRecord; file: string | undefined }> {
  for (let now = record; ; ) {
    if (now.active === null) return { record: now, file: undefined };
    try {
      const { file } = await verifyDeployed(places.programs, now.active.id, keys);
      return { record: now, file };
    } catch (error) {
      if (!(error instanceof ExplainedError)) throw error;
      now = takeBack(now, error.message, moment);
    }
  }
}

async function intactPrevious(
  { previous }: DeploymentRecord,
  { programs }: DeploymentPlaces,
  keys: readonly TrustedKey[],
): Promise<string | undefined> {
  if (previous === null) return undefined;
  try {
    return (await verifyDeployed(programs, previous.id, keys)).file;
  } catch (error) {
    if (error instanceof ExplainedError) return undefined;
    throw error;
  }
}

function reportTakenBack({ takenBack }: DeploymentRecord, say: (line: string) => void): void {
  if (takenBack === null) return;
  say(`the deployed agent ${takenBack.version} is taken back: ${takenBack.reason}`);
}
