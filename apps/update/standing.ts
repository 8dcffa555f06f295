import { readOwnerId } from '../../build/disk/boot-files.ts';
import type { BootState } from '../../build/disk/boot-state.ts';
import { readBootState, writeBootState } from '../../build/disk/boot-state.ts';
import type { Slot } from '../../build/disk/layout.ts';
import { readTrailer, type SlotTrailer } from '../../build/disk/slot-trailer.ts';
import type { TrustedKey } from '../../build/release/keys.ts';
import type { Release } from '../../build/release/release.ts';
import { verifyRelease } from '../../build/release/sign.ts';
import { ExplainedError } from '../error.ts';
import type { Clock } from '../watch/clock.ts';
import { acceptRelease, type Running, UpdateRefusal } from './accept.ts';
import {
  copyConfiguration,
  exchangeConfiguration,
  keepExchange,
  listNamesInCopy,
  restoreConfiguration,
  undoExchange,
} from './configuration-copy.ts';
import { awaitHealth, type Probe } from './health.ts';
import { getOtherSlot, type OpenInstallation } from './installation.ts';
import { readRecord, type Trial, type UpdateRecord, writeRecord } from './record.ts';
import { explainUnknownState, makeTrialState, removeTrial } from './stage.ts';

/** A machine that is updated or rolled back. */
export interface Machine {
  running: Running;
  /** Keys with which releases may be signed. */
  keys: readonly TrustedKey[];
  /** `/quantix`. */
  configuration: string;
  /** Boot ID of the kernel. */
  bootId: string;
  clock: Clock;
  /** Writes a line to the console and the log. */
  tell: (line: string) => void;
  /** Restarts the machine; resolves when the restart has been requested. */
  restart: () => Promise<void>;
}

/** Values of `Activation.minutes` and `patience` for a version whose activation is not in the record. */
const USUAL = { minutes: 5, patience: 15 };

/**
 * Refuses to change a machine that is on trial, or that was not booted from the slot in its boot state.
 * @throws UpdateRefusal
 */
export function expectGood(booted: Slot, state: BootState | undefined): void {
  if (state === undefined) throw explainUnknownState();
  const { good, trial } = state;
  if (booted === good) return;
  if (booted === trial) {
    throw new UpdateRefusal({
      what: `the version in slot ${booted} is on trial, and not confirmed yet`,
      fix: '`qx-update status` shows how it stands; `qx-update rollback` goes back at once.',
    });
  }
  throw new UpdateRefusal({
    what: `slot ${booted} was booted, and the boot state of this disk names slot ${good}: it was chosen in the menu, or another boot loader than this disk’s was used`,
    fix: '`qx-update confirm` stays with what runs; a restart leads to the other one.',
  });
}

/** Returns whether the running version is on trial. */
export function isOnTrial(booted: Slot, state: BootState | undefined): boolean {
  return state !== undefined && state.trial === booted && state.good !== booted;
}

/**
 * Returns the record, with `floor` and `seen` raised to those of the release in the booted slot: they apply even if the
 * record was lost.
 */
export async function computeLimits(
  { configuration, keys, tell }: Pick<Machine, 'configuration' | 'keys' | 'tell'>,
  disk: OpenInstallation,
): Promise<UpdateRecord> {
  const record = await readRecord(configuration, tell);
  const release = releaseOf(await readTrailer(disk.slots[disk.booted]), keys);
  return release === undefined ? record : raised(record, release);
}

function raised(
  record: UpdateRecord,
  { channel, serial, floor }: Pick<Release, 'channel' | 'serial' | 'floor'>,
): UpdateRecord {
  const seen = Math.max(record.seen[channel] ?? 0, serial);
  return {
    ...record,
    floor: Math.max(record.floor, floor),
    seen: { ...record.seen, [channel]: seen },
  };
}

/**
 * Returns the release of an image; undefined if the image came without one, or the release is not signed by a trusted
 * key.
 */
function releaseOf(
  trailer: SlotTrailer | undefined,
  keys: readonly TrustedKey[],
): Release | undefined {
  if (trailer?.release === undefined) return undefined;
  try {
    return verifyRelease(trailer.release, keys);
  } catch (error) {
    if (error instanceof ExplainedError) return undefined;
    throw error;
  }
}

/** Options of an activation. */
export interface Activation {
  /** The staged version, or the previous one. */
  to: 'staged' | 'before';
  /** Minutes without a problem after which it is confirmed. */
  minutes: number;
  /** Further minutes that it has to become healthy. */
  patience: number;
  /** Whether the control plane is reachable now. */
  controlPlane: boolean;
  /** Whether to restore the copy of the other version's configuration; without a copy, the activation is refused. */
  restoreConfiguration?: boolean;
  now: Date;
}

/**
 * Makes the next boots try the version in the other slot.
 * @returns the version
 * @throws UpdateRefusal if there is none, or it is not allowed; DiskError; ExplainedError
 */
export async function activate(
  machine: Machine,
  disk: OpenInstallation,
  activation: Activation,
): Promise<string> {
  const { configuration, running } = machine;
  const state = await readBootState(disk.efi);
  expectGood(disk.booted, state);
  const slot = getOtherSlot(disk.booted);
  const trailer = await readTrailer(disk.slots[slot]);
  if (trailer === undefined) {
    throw new UpdateRefusal({
      what: `there is no whole image in slot ${slot}`,
      fix: activation.to === 'staged' ? '`qx-update stage` brings one there.' : undefined,
    });
  }
  const record = await computeLimits(machine, disk);
  const owner = await readOwnerId(disk.efi);
  const release = mayBeTried(trailer, { machine, record, activation, disk, slot, owner });
  const trial: Trial = {
    slot,
    version: trailer.version,
    before: running.version,
    ...(release && {
      channel: release.channel,
      serial: release.serial,
      floor: release.floor,
    }),
    controlPlane: activation.controlPlane,
    minutes: activation.minutes,
    patience: activation.patience,
    activatedIn: machine.bootId,
    problems: [],
  };
  // Undo an earlier activation first, so that the configuration of the running version is copied.
  await undoExchange(configuration, running.version);
  const restores = activation.restoreConfiguration === true;
  if (restores) await listNamesInCopy(configuration, trailer.version);
  // For two builds of the same version, the copy of the other build is still needed.
  if (!restores || trailer.version !== running.version) {
    await copyConfiguration(configuration, running.version, [trailer.version]);
  }
  // After this write, a boot of the running version finds that an activation has begun.
  await writeRecord(configuration, { ...record, trial });
  if (restores) {
    await restoreFor(machine, trailer.version).catch(async (error: unknown) => {
      await writeRecord(configuration, { ...record, trial: null });
      throw error;
    });
  }
  await writeBootState(disk.efi, makeTrialState(disk.booted, slot));
  return trailer.version;
}

/** Restores the configuration for a version that is to be tried; if that fails, the present one is put back. */
async function restoreFor({ configuration, running }: Machine, version: string): Promise<void> {
  if (version === running.version) return await restoreConfiguration(configuration, version);
  try {
    await exchangeConfiguration(configuration, { running: running.version, to: version });
  } catch (error) {
    await undoExchange(configuration, running.version);
    throw error;
  }
}

/** Checks that an image may be booted here. @returns its release, if it came with one @throws UpdateRefusal if not */
function mayBeTried(
  trailer: SlotTrailer,
  {
    machine: { running, keys },
    record,
    activation: { to, now },
    disk,
    slot,
    owner,
  }: {
    machine: Machine;
    record: UpdateRecord;
    activation: Activation;
    disk: OpenInstallation;
    slot: Slot;
    owner: string | undefined;
  },
): Release | undefined {
  if (to === 'before' && trailer.release === undefined) {
    if (trailer.product !== running.product) {
      throw new UpdateRefusal({
        what: `${trailer.product} is in slot ${slot}, and this machine is ${running.product}`,
      });
    }
    if (record.floor === 0) return undefined;
    throw new UpdateRefusal({
      what: `${trailer.version} in slot ${slot} came without a release, and the version in use takes none below serial ${record.floor}`,
    });
  }
  const release = verifyRelease(trailer.release ?? '', keys);
  const terms = {
    running,
    floor: record.floor,
    seen: record.seen[release.channel] ?? 0,
    slotBytes: disk.slots[slot].bytes,
    owner,
    now,
  };
  // A rollback returns to an old release, which may have expired.
  const back = { ...terms, seen: 0, now: new Date(release.issued) };
  acceptRelease(release, to === 'before' ? back : terms);
  return release;
}

/** Result of `settle`. */
export type Settled = 'nothing to do' | 'confirmed' | 'taken back' | 'reported' | 'booted by hand';

/**
 * Settles the current boot: watches a version on trial until it is healthy or its time is over, and confirms it or
 * takes it back. In the boot after it was taken back, records why.
 * @param open opens the disk for a short time
 * @param probeFor makes the probe of the machine
 */
export async function settle(
  machine: Machine,
  {
    open,
    probeFor,
    onDeadline,
    signal,
  }: {
    open: () => Promise<OpenInstallation>;
    /** Called for a version on trial, with the milliseconds after which it is confirmed or taken back at the latest. */
    onDeadline?: (milliseconds: number) => Promise<void>;
    probeFor: (trial: Trial | null) => Probe;
    signal: AbortSignal;
  },
): Promise<Settled> {
  const { configuration, tell, clock } = machine;
  const record = await readRecord(configuration, tell);
  const { booted, state } = await (async () => {
    await using disk = await open();
    return { booted: disk.booted, state: await readBootState(disk.efi) };
  })();
  if (state === undefined) {
    tell(explainUnknownState().message);
    return 'booted by hand';
  }
  if (booted === state.good) {
    await using disk = await open();
    return await concludeTrial(machine, { disk, state, record });
  }
  if (booted !== state.trial) {
    tell(`slot ${booted} was booted by hand: the next boot is of slot ${state.good}`);
    return 'booted by hand';
  }
  const trial = record.trial?.slot === booted ? record.trial : null;
  const { minutes, patience } = trial ?? USUAL;
  const [hold, deadline] = [minutes * 60_000, (minutes + patience) * 60_000];
  tell(
    `${machine.running.version} is on trial: it is confirmed when it was well for ${minutes} minutes`,
  );
  await onDeadline?.(deadline);
  const problems = await awaitHealth({
    probe: probeFor(trial),
    hold,
    deadline,
    clock,
    signal,
    onProblems: (found) => {
      for (const problem of found) tell(`on trial: ${problem}`);
    },
  });
  await using disk = await open();
  const decided = await decidedMeanwhile(machine, { disk, state, record });
  if (decided !== undefined) return decided;
  if (problems.length === 0) {
    await confirm(machine, disk);
    return 'confirmed';
  }
  await giveUp(machine, { disk, state, record, problems });
  await machine.restart();
  return 'taken back';
}

/**
 * Returns what somebody decided by hand (`qx-update confirm`, `rollback`) while the version on trial was watched;
 * undefined if nobody did. That decision stays: after a confirmation, the other slot may even have a new image.
 */
async function decidedMeanwhile(
  { configuration, tell }: Machine,
  { disk, state, record }: { disk: OpenInstallation; state: BootState; record: UpdateRecord },
): Promise<Settled | undefined> {
  const now = await readBootState(disk.efi);
  // A damaged boot state is nobody's decision; it is written again in any case.
  if (now === undefined) return undefined;
  if (now.good === disk.booted) return 'confirmed';
  // A record that cannot be read must not keep an unhealthy version from being taken back.
  const reason = findReason(await readRecord(configuration, tell).catch(() => record));
  // In the last boot of a trial no boots are left anyway: then only the record shows that it was rolled back.
  const isRolledBack = now.left !== state.left || (reason !== '' && reason !== findReason(record));
  return isRolledBack ? 'taken back' : undefined;
}

function findReason({ trial }: UpdateRecord): string {
  return trial?.problems.join('\n') ?? '';
}

/** Confirms the running version; does nothing if it is confirmed already. @throws UpdateRefusal, ExplainedError */
export async function confirm(machine: Machine, disk: OpenInstallation): Promise<void> {
  const { configuration, tell, running } = machine;
  const trailer = await readTrailer(disk.slots[disk.booted]);
  if (trailer === undefined) {
    throw new UpdateRefusal({ what: `there is no whole image in slot ${disk.booted}` });
  }
  const record = await readRecord(configuration, tell);
  const state = await readBootState(disk.efi);
  if (state?.good === disk.booted && state.trial === null && record.trial === null) {
    tell(`${running.version} is confirmed already`);
    return;
  }
  await writeBootState(disk.efi, { good: disk.booted, trial: null, left: 0 });
  await raiseFloor(machine, { disk, record });
  tell(`${running.version} is confirmed`);
}

/** Records a confirmation: from now on, releases below the floor of the confirmed release are refused. */
async function raiseFloor(
  { configuration, keys, running, clock }: Machine,
  { disk, record }: { disk: OpenInstallation; record: UpdateRecord },
): Promise<void> {
  const other = await readTrailer(disk.slots[getOtherSlot(disk.booted)]);
  const own = await readTrailer(disk.slots[disk.booted]);
  const release = releaseOf(own, keys);
  const trial = isTrialOf(record.trial, disk.booted, own) ? record.trial : null;
  // The keys in the new image may differ from those that verified its release.
  const { channel, serial, floor } = release ?? trial ?? {};
  const known =
    channel !== undefined && serial !== undefined && floor !== undefined
      ? raised(record, { channel, serial, floor })
      : record;
  await writeRecord(configuration, {
    ...known,
    trial: null,
    last: {
      version: trial?.version ?? running.version,
      before: trial?.before ?? other?.version ?? 'not known',
      result: 'confirmed',
      reasons: [],
      at: new Date(clock.now()).toISOString(),
    },
  });
  await keepExchange(configuration);
}

/** Makes the next boot use the good slot, and records why. */
async function giveUp(
  { configuration, tell }: Machine,
  {
    disk,
    state: { good, trial },
    record,
    problems,
  }: {
    disk: OpenInstallation;
    state: BootState;
    record: UpdateRecord;
    problems: readonly string[];
  },
): Promise<void> {
  for (const problem of problems) tell(`taken back: ${problem}`);
  if (record.trial !== null) {
    const kept = { ...record, trial: { ...record.trial, problems: [...problems] } };
    // If the record cannot be written, the version is taken back nevertheless: that problem may be the reason for it.
    await writeRecord(configuration, kept).catch((error: unknown) => tell(String(error)));
  }
  // The trial stays in the state, with no boots left, so that the previous version sees that it was tried.
  await writeBootState(disk.efi, { good, trial, left: 0 });
}

/** Concludes a trial in a boot of the good slot: it was confirmed, was taken back, or waits for a restart. */
async function concludeTrial(
  machine: Machine,
  { disk, state, record }: { disk: OpenInstallation; state: BootState; record: UpdateRecord },
): Promise<Settled> {
  const { trial } = record;
  if (isTrialOf(trial, disk.booted, await readTrailer(disk.slots[disk.booted]))) {
    // The power failed between the two writes of the confirmation.
    await raiseFloor(machine, { disk, record });
    return 'confirmed';
  }
  if (trial !== null && state.trial === trial.slot && trial.activatedIn === machine.bootId) {
    return 'nothing to do';
  }
  if (trial !== null) {
    const { result, reasons } = resultOf(trial, state);
    const at = new Date(machine.clock.now()).toISOString();
    const { version, before } = trial;
    if (await undoExchange(machine.configuration, machine.running.version)) {
      machine.tell(`the configuration is that of ${machine.running.version} again`);
    }
    await writeRecord(machine.configuration, {
      ...record,
      trial: null,
      last: { version, before, result, reasons, at },
    });
    for (const reason of reasons) machine.tell(`${version} was taken back: ${reason}`);
  }
  await removeTrial(disk.efi);
  return trial === null ? 'nothing to do' : 'reported';
}

/**
 * Returns whether a trial belongs to the image in a slot. An installation that keeps the configuration may have written
 * another image there, which is not on trial.
 */
function isTrialOf(trial: Trial | null, slot: Slot, image: SlotTrailer | undefined): boolean {
  if (trial?.slot !== slot) return false;
  if (image === undefined) return true;
  const cameAlike = (image.release === undefined) === (trial.serial === undefined);
  return image.version === trial.version && cameAlike;
}

function resultOf(
  trial: Trial,
  state: BootState,
): { result: 'taken-back' | 'not-tried'; reasons: string[] } {
  if (trial.problems.length > 0) return { result: 'taken-back', reasons: trial.problems };
  if (state.trial !== trial.slot) {
    const reason = 'the power was cut while it was activated, or the system was installed anew';
    return { result: 'not-tried', reasons: [reason] };
  }
  if (state.left > 0) {
    const reason =
      'the boot loader skipped it: it could not be loaded, the boot state could not be written, or another entry of the menu was chosen';
    return { result: 'not-tried', reasons: [reason] };
  }
  const reason =
    'none of its boots lasted until it was found well, and none left a reason: it crashed or hung; what the kernel said last may be in /data/crash';
  return { result: 'taken-back', reasons: [reason] };
}

/**
 * Rolls back to the previous version, or cancels the activation of another version.
 * @returns a message, and whether a restart is needed
 * @throws UpdateRefusal; ExplainedError
 */
export async function rollBack(
  machine: Machine,
  disk: OpenInstallation,
  wanted: Omit<Activation, 'to'>,
): Promise<{ text: string; restart: boolean }> {
  const state = await readBootState(disk.efi);
  if (state === undefined) throw explainUnknownState();
  const record = await readRecord(machine.configuration, machine.tell);
  if (isOnTrial(disk.booted, state)) {
    await giveUp(machine, { disk, state, record, problems: ['somebody went back by hand'] });
    return { text: 'The next boot is of the version before.', restart: true };
  }
  if (state.good === disk.booted && state.trial !== null && state.left > 0) {
    await removeTrial(disk.efi);
    await undoExchange(machine.configuration, machine.running.version);
    await writeRecord(machine.configuration, { ...record, trial: null });
    return {
      text: 'The version that was activated is not tried; it stays staged.',
      restart: false,
    };
  }
  const version = await activate(machine, disk, { ...wanted, to: 'before' });
  return { text: `The next boot is of ${version}, on trial.`, restart: true };
}
