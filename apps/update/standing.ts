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
  namesInCopy,
  restoreConfiguration,
  undoExchange,
} from './configuration-copy.ts';
import { awaitHealth, type Probe } from './health.ts';
import { type OpenInstallation, otherSlot } from './installation.ts';
import { readRecord, type Trial, type UpdateRecord, writeRecord } from './record.ts';
import { trialOf, unknownState, withoutTrial } from './stage.ts';

/** What changes of a machine's version are made with. */
export interface Machine {
  running: Running;
  /** Keys that releases may be signed with. */
  keys: readonly TrustedKey[];
  /** `/quantix`. */
  configuration: string;
  /** The kernel's number of this boot. */
  bootId: string;
  clock: Clock;
  /** Tells a line to whoever looks: the console, the log. */
  tell: (line: string) => void;
  /** Restarts it; resolves when that was asked for. */
  restart: () => Promise<void>;
}

/** Minutes that a version must be well for, and has to become so, where its activation is not remembered. */
const USUAL = { minutes: 5, patience: 15 };

/**
 * Refuses to change anything on a machine whose boot loader and whose disk do not agree, or that is on trial.
 * @throws UpdateRefusal
 */
export function expectGood(booted: Slot, state: BootState | undefined): void {
  if (state === undefined) throw unknownState();
  const { good, trial } = state;
  if (booted === good) return;
  if (booted === trial) {
    throw new UpdateRefusal({
      what: `the version in slot ${booted} is on trial, and not confirmed yet`,
      fix: '`qx-update status` tells how it stands; `qx-update rollback` goes back at once.',
    });
  }
  throw new UpdateRefusal({
    what: `slot ${booted} was booted, and the boot state of this disk names slot ${good}: it was chosen in the menu, or another boot loader than this disk’s was used`,
    fix: '`qx-update confirm` stays with what runs; a restart leads to the other one.',
  });
}

/** Whether the version that runs is on trial. */
export function isOnTrial(booted: Slot, state: BootState | undefined): boolean {
  return state !== undefined && state.trial === booted && state.good !== booted;
}

/** What a machine remembers, with what the release in the good slot says besides: a lost record lowers nothing. */
export async function limitsOf(
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

/** The release that an image came with; undefined if it came without one, or no key that is trusted here signed it. */
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

/** How an activation is wanted. */
export interface Activation {
  /** Forward to what was staged, or back to the version before. */
  to: 'staged' | 'before';
  /** Minutes that it must be well for before it is confirmed. */
  minutes: number;
  /** Minutes that it has to become well, besides those. */
  patience: number;
  /** Whether the control plane is reached now. */
  controlPlane: boolean;
  /** Whether the configuration becomes again what the other version left, where it was kept. */
  restoreConfiguration?: boolean;
  now: Date;
}

/**
 * Has the next boots try the version in the other slot.
 * @returns the version
 * @throws UpdateRefusal if there is none, or it may not be; DiskError; ExplainedError
 */
export async function activate(
  machine: Machine,
  disk: OpenInstallation,
  activation: Activation,
): Promise<string> {
  const { configuration, running } = machine;
  const state = await readBootState(disk.efi);
  expectGood(disk.booted, state);
  const slot = otherSlot(disk.booted);
  const trailer = await readTrailer(disk.slots[slot]);
  if (trailer === undefined) {
    throw new UpdateRefusal({
      what: `there is no whole image in slot ${slot}`,
      fix: activation.to === 'staged' ? '`qx-update stage` brings one there.' : undefined,
    });
  }
  const record = await limitsOf(machine, disk);
  const release = mayBeTried(trailer, { machine, record, activation, disk, slot });
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
  // Of an activation that another one follows: what is copied is the configuration of the version that runs.
  await undoExchange(configuration, running.version);
  const restores = activation.restoreConfiguration === true;
  if (restores) await namesInCopy(configuration, trailer.version);
  // Of two builds of one version the copy of the other one is still needed.
  if (!restores || trailer.version !== running.version) {
    await copyConfiguration(configuration, running.version, [trailer.version]);
  }
  // From here on whoever boots the version that runs finds that this was begun.
  await writeRecord(configuration, { ...record, trial });
  if (restores) {
    await restoreFor(machine, trailer.version).catch(async (error: unknown) => {
      await writeRecord(configuration, { ...record, trial: null });
      throw error;
    });
  }
  await writeBootState(disk.efi, trialOf(disk.booted, slot));
  return trailer.version;
}

/** Puts the configuration back for a version that is to be tried; where that cannot be, it is as it was. */
async function restoreFor({ configuration, running }: Machine, version: string): Promise<void> {
  if (version === running.version) return await restoreConfiguration(configuration, version);
  try {
    await exchangeConfiguration(configuration, { running: running.version, to: version });
  } catch (error) {
    await undoExchange(configuration, running.version);
    throw error;
  }
}

/** @throws UpdateRefusal if an image may not be booted here. @returns its release, if it came with one */
function mayBeTried(
  trailer: SlotTrailer,
  {
    machine: { running, keys },
    record,
    activation: { to, now },
    disk,
    slot,
  }: {
    machine: Machine;
    record: UpdateRecord;
    activation: Activation;
    disk: OpenInstallation;
    slot: Slot;
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
    now,
  };
  // Going back is to an old release, which may have expired.
  const back = { ...terms, seen: 0, now: new Date(release.issued) };
  acceptRelease(release, to === 'before' ? back : terms);
  return release;
}

/** What became of a look at the boot that this is. */
export type Settled = 'nothing to do' | 'confirmed' | 'taken back' | 'told' | 'booted by hand';

/**
 * What each boot does: a version on trial is looked at until it is well, and confirmed, or taken back; after it was taken
 * back what became of it is kept.
 * @param open opens the disk for a moment
 * @param probeFor gives what looks at the machine
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
    /** Gets the milliseconds from now by which it is judged. */
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
    tell(unknownState().message);
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
  if (problems.length === 0) {
    await confirm(machine, disk);
    return 'confirmed';
  }
  await giveUp(machine, { disk, state, record, problems });
  await machine.restart();
  return 'taken back';
}

/** Stays with what runs; nothing is done if it is confirmed already. @throws UpdateRefusal, ExplainedError */
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
  await ratchet(machine, { disk, record });
  tell(`${running.version} is confirmed`);
}

/** What a confirmation writes into the record: no release below its floor is taken any more. */
async function ratchet(
  { configuration, keys, running, clock }: Machine,
  { disk, record }: { disk: OpenInstallation; record: UpdateRecord },
): Promise<void> {
  const other = await readTrailer(disk.slots[otherSlot(disk.booted)]);
  const own = await readTrailer(disk.slots[disk.booted]);
  const release = releaseOf(own, keys);
  const trial = isTrialOf(record.trial, disk.booted, own) ? record.trial : null;
  // The keys of the new image may be others than those that its release was checked with.
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

/** Has the next boot be of the good slot, and keeps why. */
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
    // Where the configuration cannot be written that is the reason, or one of them; the machine goes back all the same.
    await writeRecord(configuration, kept).catch((error: unknown) => tell(String(error)));
  }
  // It stays named, with no boot left: so the version before sees that it was tried.
  await writeBootState(disk.efi, { good, trial, left: 0 });
}

/** Ends what a boot of the good slot finds of a trial: it was confirmed, or taken back, or it waits for a restart. */
async function concludeTrial(
  machine: Machine,
  { disk, state, record }: { disk: OpenInstallation; state: BootState; record: UpdateRecord },
): Promise<Settled> {
  const { trial } = record;
  if (isTrialOf(trial, disk.booted, await readTrailer(disk.slots[disk.booted]))) {
    // The power was cut between the two writes of the confirmation.
    await ratchet(machine, { disk, record });
    return 'confirmed';
  }
  if (trial !== null && state.trial === trial.slot && trial.activatedIn === machine.bootId) {
    return 'nothing to do';
  }
  if (trial !== null) {
    const { result, reasons } = whatBecame(trial, state);
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
  await withoutTrial(disk.efi);
  return trial === null ? 'nothing to do' : 'told';
}

/**
 * Whether a trial is of what is in a slot. An installation that keeps the configuration puts another image there, which nobody
 * has tried.
 */
function isTrialOf(trial: Trial | null, slot: Slot, image: SlotTrailer | undefined): boolean {
  if (trial?.slot !== slot) return false;
  if (image === undefined) return true;
  const cameAlike = (image.release === undefined) === (trial.serial === undefined);
  return image.version === trial.version && cameAlike;
}

function whatBecame(
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
      'the boot loader passed it over: it could not be loaded, the boot state could not be written, or another entry of the menu was chosen';
    return { result: 'not-tried', reasons: [reason] };
  }
  const reason =
    'all its boots ended before it was found well, without a word: it crashed or hung; what the kernel said last may be in /data/crash';
  return { result: 'taken-back', reasons: [reason] };
}

/**
 * Goes back to the version before, or does not go forward to the one that was activated.
 * @returns what is to be told, and whether a restart is what does it
 * @throws UpdateRefusal; ExplainedError
 */
export async function rollBack(
  machine: Machine,
  disk: OpenInstallation,
  wanted: Omit<Activation, 'to'>,
): Promise<{ text: string; restart: boolean }> {
  const state = await readBootState(disk.efi);
  if (state === undefined) throw unknownState();
  const record = await readRecord(machine.configuration, machine.tell);
  if (isOnTrial(disk.booted, state)) {
    await giveUp(machine, { disk, state, record, problems: ['somebody went back by hand'] });
    return { text: 'The next boot is of the version before.', restart: true };
  }
  if (state.good === disk.booted && state.trial !== null && state.left > 0) {
    await withoutTrial(disk.efi);
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
