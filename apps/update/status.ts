import { readBootState } from '../../build/disk/boot-state.ts';
import type { Slot } from '../../build/disk/layout.ts';
import { readTrailer, type SlotTrailer } from '../../build/disk/slot-trailer.ts';
import { readTrustedKeys, type TrustedKey } from '../../build/release/keys.ts';
import { verifyRelease } from '../../build/release/sign.ts';
import type { UpdateStatus } from '../api/update.ts';
import { messageOf } from '../error.ts';
import { findInstallation, openInstallation, readRunning } from './installation.ts';
import { PLACES, type Places } from './places.ts';
import { readServerSetting } from './record.ts';
import { readStagingNote } from './staging-note.ts';
import { computeLimits, expectGood } from './standing.ts';

/** Reads the state of this machine's updates; it is not cached. */
export async function readUpdateStatus(places: Places = PLACES): Promise<UpdateStatus> {
  const [{ product, version }, { server = null, channel }, staging, keys] = await Promise.all([
    readRunning(places.root),
    readServerSetting(places.configuration),
    readStagingNote(places.root),
    readTrustedKeys(places.keys).catch(() => []),
  ]);
  const common = { product, version, server, channel, staging, keys: keys.map(({ name }) => name) };
  const nothing = { booted: null, slots: [], trial: null, last: null, floor: 0 };
  try {
    const installation = await findInstallation(places.root);
    if (installation === null) {
      const problem =
        'this system runs from its medium and is not installed: boot a newer medium, or install';
      return { ...common, ...nothing, state: 'live', problem };
    }
    await using disk = await openInstallation(installation);
    const state = await readBootState(disk.efi);
    const { floor, last } = await computeLimits(
      { configuration: places.configuration, keys, tell: () => undefined },
      disk,
    );
    const { booted } = disk;
    const slots = await Promise.all(
      (['a', 'b'] as const).map(async (slot) => ({
        slot,
        ...imageIn(await readTrailer(disk.slots[slot]), keys),
        good: state?.good === slot,
      })),
    );
    const trial = trialIn(state);
    return {
      ...{ ...common, booted, slots, last, floor, trial },
      ...standingOf(booted, state),
    };
  } catch (error) {
    return { ...common, ...nothing, state: 'refused', problem: messageOf(error) };
  }
}

function trialIn(
  state: Awaited<ReturnType<typeof readBootState>>,
): { slot: Slot; left: number } | null {
  return state === undefined || state.trial === null
    ? null
    : { slot: state.trial, left: state.left };
}

function standingOf(
  booted: Slot,
  state: Awaited<ReturnType<typeof readBootState>>,
): Pick<UpdateStatus, 'state' | 'problem'> {
  if (state !== undefined && booted === state.trial && booted !== state.good) {
    return { state: 'trial', problem: null };
  }
  try {
    expectGood(booted, state);
    return { state: 'good', problem: null };
  } catch (error) {
    return { state: 'refused', problem: messageOf(error) };
  }
}

/** Returns version and serial of the image in a slot; a release that is not signed by a trusted key has no serial. */
function imageIn(
  trailer: SlotTrailer | undefined,
  keys: readonly TrustedKey[],
): { version: string | null; serial: number | null } {
  if (trailer === undefined) return { version: null, serial: null };
  try {
    const { serial } = verifyRelease(trailer.release ?? '', keys);
    return { version: trailer.version, serial };
  } catch {
    return { version: trailer.version, serial: null };
  }
}

/** Describes the state of updates for people. */
export function describeUpdate(status: UpdateStatus): string {
  const { product, version, state, problem, booted, slots, trial, staging, last, floor } = status;
  const lines = [`${product} ${version}${booted === null ? '' : `, slot ${booted}`}: ${state}`];
  if (problem !== null) lines.push(problem);
  for (const slot of slots) {
    const words = [
      slot.version ?? 'no whole image',
      ...(slot.serial === null ? [] : [`serial ${slot.serial}`]),
      ...(slot.slot === booted ? ['runs'] : []),
      ...(slot.good ? ['confirmed'] : []),
      ...(trial?.slot === slot.slot ? [`on trial, ${trial.left} boots left`] : []),
    ];
    lines.push(`slot ${slot.slot}: ${words.join(', ')}`);
  }
  if (staging !== null) {
    const share = Math.floor((100 * staging.done) / staging.bytes);
    lines.push(
      staging.running
        ? `${staging.version} is being staged: ${share} %${staging.problem === null ? '' : `; ${staging.problem}`}`
        : `${staging.version} is not here: ${staging.problem ?? 'it was ended'}; at ${share} %`,
    );
  }
  if (last !== null) {
    lines.push(`last: ${last.version} ${last.result}, ${last.at}`);
    lines.push(...last.reasons.map((reason) => `  ${reason}`));
  }
  lines.push(`server: ${status.server ?? 'none'}, channel ${status.channel}`);
  if (floor > 0) lines.push(`serials below ${floor} are refused`);
  if (status.keys.length === 0)
    lines.push('no key for releases is in this image: nothing is taken');
  return lines.join('\n');
}
