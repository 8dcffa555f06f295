import { spawn } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import { readOwnerId } from '../../build/disk/boot-files.ts';
import { readBootState } from '../../build/disk/boot-state.ts';
import { readTrailer } from '../../build/disk/slot-trailer.ts';
import { readTrustedKeys } from '../../build/release/keys.ts';
import type { Release } from '../../build/release/release.ts';
import { verifyRelease } from '../../build/release/sign.ts';
import { ExplainedError, messageOf } from '../error.ts';
import { isRunning, readGuests } from '../guests/inventory.ts';
import { readMaintenance } from '../guests/maintenance.ts';
import { isWritableMount, readMounts } from '../host/mounts.ts';
import { readText } from '../host/read.ts';
import { SYSTEM_URI } from '../libvirt/virsh.ts';
import { CommandError } from '../process/command-error.ts';
import {
  createEndingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';
import { run } from '../process/run.ts';
import { withStick } from '../support/stick-mount.ts';
import { systemClock } from '../watch/clock.ts';
import { acceptRelease, nameOf, UpdateRefusal } from './accept.ts';
import { undoExchange } from './configuration-copy.ts';
import { fetchRelease, type ReleaseFetch } from './download.ts';
import { makeFolderSource } from './folder.ts';
import {
  findInstallation,
  getOtherSlot,
  type OpenInstallation,
  openInstallation,
  readRunning,
} from './installation.ts';
import { makeMachineProbe, reachesControlPlane } from './machine-health.ts';
import { PLACES, type Places } from './places.ts';
import { readServerSetting, writeRecord, writeServerSetting } from './record.ts';
import { makeServerSource, parseServerAddress } from './server.ts';
import type { Source } from './source.ts';
import { stage } from './stage.ts';
import { cancelStaging, isStagingElsewhere, keepStagingNote } from './staging-note.ts';
import {
  activate,
  computeLimits,
  confirm,
  expectGood,
  isOnTrial,
  type Machine,
  rollBack,
  settle,
} from './standing.ts';
import { describeUpdate, readUpdateStatus } from './status.ts';

const HELP = `Usage: qx-update COMMAND

Writes a new version of the system into the unused slot, tries it, and goes back if it
fails. docs/updating.md describes how.

  status [--json]     show the versions in both slots, and the result of the last update
  server [ADDRESS|none] [--channel NAME]
                      show or set the server of releases
  check               look for a release for this machine
  stage               download and verify it; what runs is not changed yet
  cancel              end a download; another stage resumes it
  activate            restart into the staged version: it is tried, and confirmed if it works
  confirm             confirm the running version at once
  rollback            go back to the previous version, or cancel an activation

  options of check and stage:
  --from PATH         a folder, a release.json, or a stick such as /dev/sdb1, instead of the server
  --server ADDRESS    use this server for this call
  --ca FILE           authority (PEM) that must have signed its certificate
  --tls-name NAME     with --ca: the name that its certificate is for
  --channel NAME      use this channel for this call
  --budget MIB        limit of the download; a quarter more than the image if absent
  --background        return at once; status shows the progress
  options of activate and rollback:
  --minutes N         minutes without a problem before it is confirmed; 5 if absent
  --patience N        additional minutes to reach that; 15 if absent
  --no-restart        do not restart
  options of rollback:
  --with-configuration  and restore the configuration of the previous version

  --help              this text
  --version           the version
`;

/**
 * Milliseconds within which a server must answer with its release: while a person waits, and before an image is staged.
 */
const CHECKED_WITHIN = 60_000;
const STAGED_WITHIN = 30 * 60_000;

/** Seconds that the guard of a boot waits after the deadline: an orderly restart takes time. */
const GUARD_PATIENCE = 300;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  from: { type: 'string' },
  server: { type: 'string' },
  ca: { type: 'string' },
  'tls-name': { type: 'string' },
  channel: { type: 'string' },
  budget: { type: 'string' },
  background: { type: 'boolean', default: false },
  minutes: { type: 'string', default: '5' },
  patience: { type: 'string', default: '15' },
  'no-restart': { type: 'boolean', default: false },
  'with-configuration': { type: 'boolean', default: false },
} as const;

interface Values {
  json: boolean;
  from?: string | undefined;
  server?: string | undefined;
  ca?: string | undefined;
  'tls-name'?: string | undefined;
  channel?: string | undefined;
  budget?: string | undefined;
  background: boolean;
  minutes: string;
  patience: string;
  'no-restart': boolean;
  'with-configuration': boolean;
}

/** Command → its options besides `--help` and `--version`. */
const OF_COMMAND: Readonly<Record<string, readonly (keyof Values)[]>> = {
  status: ['json'],
  server: ['channel'],
  check: ['from', 'server', 'ca', 'tls-name', 'channel', 'json'],
  stage: ['from', 'server', 'ca', 'tls-name', 'channel', 'budget', 'background'],
  cancel: [],
  activate: ['minutes', 'patience', 'no-restart'],
  confirm: [],
  rollback: ['minutes', 'patience', 'no-restart', 'with-configuration'],
  settle: [],
};

/**
 * Runs the program qx-update.
 * @param args arguments after its name
 * @param places files and folders to use; the appliance's if absent
 * @returns exit status: 0, 1 if something went wrong, 2 for wrong usage
 */
export async function main(args: string[], places: Places = PLACES): Promise<number> {
  return await runCommandLine(
    {
      program: 'qx-update',
      help: HELP,
      options: OPTIONS,
      isExplained: (error): error is Error =>
        error instanceof ExplainedError ||
        error instanceof CommandError ||
        (error instanceof DOMException && error.name === 'AbortError'),
      run: async ({ command, operands }, values) => {
        expectOptions(command, values);
        expectOperands(operands, 0, command === 'server' ? 1 : 0);
        switch (command) {
          case 'status':
            return await tellStatus(places, values.json);
          case 'server':
            return await server(places, { address: operands[0], channel: values.channel });
          case 'check':
            return await check(places, values);
          case 'stage':
            return values.background ? startInBackground(args) : await bring(places, values);
          case 'cancel':
            return await cancel(places);
          case 'activate':
            return await activateStaged(places, values);
          case 'confirm':
            return await confirmByHand(places);
          case 'rollback':
            return await goBack(places, values);
          case 'settle':
            return await settleBoot(places);
          default:
            return refuseCommand(command);
        }
      },
    },
    args,
  );
}

function expectOptions(command: string | undefined, values: Values): void {
  const allowed = OF_COMMAND[command ?? ''];
  if (allowed === undefined) return;
  const wrong = (Object.keys(OPTIONS) as (keyof Values)[]).find(
    (name) =>
      !allowed.includes(name) &&
      (typeof values[name] === 'boolean'
        ? values[name]
        : !['minutes', 'patience'].includes(name) && values[name] !== undefined),
  );
  if (wrong !== undefined) throw new UsageError(`--${wrong} is not an option of ${command}`);
  if ((values.ca === undefined) !== (values['tls-name'] === undefined)) {
    throw new UsageError('--ca and --tls-name belong together');
  }
}

async function tellStatus(places: Places, json: boolean): Promise<number> {
  const status = await readUpdateStatus(places);
  return print(json ? `${JSON.stringify(status)}\n` : `${describeUpdate(status)}\n`);
}

async function server(
  places: Places,
  { address, channel }: { address: string | undefined; channel: string | undefined },
): Promise<number> {
  const before = await readServerSetting(places.configuration, complain);
  if (address === undefined && channel === undefined) {
    return print(`${before.server ?? 'none'}, channel ${before.channel}\n`);
  }
  if (channel !== undefined && !/^[a-z][a-z0-9-]{0,31}$/.test(channel)) {
    throw new UsageError(`${JSON.stringify(channel)} is not a valid channel name`);
  }
  const named = address === undefined ? before.server : parsedAddress(address);
  await expectConfiguration(places);
  await writeServerSetting(places.configuration, {
    ...(named !== undefined && { server: named }),
    channel: channel ?? before.channel,
  });
  return 0;
}

function parsedAddress(text: string): string | undefined {
  return text === 'none' ? undefined : parseServerAddress(text);
}

async function check(places: Places, values: Values): Promise<number> {
  const signal = createEndingSignal();
  await using disk = await openDisk(places);
  const release = await withSource(places, { values, signal }, async (source) => {
    const onFailure = complainOf(source);
    const fetch = { source, within: CHECKED_WITHIN, clock: systemClock, signal, onFailure };
    return (await accepted(places, disk, fetch)).release;
  });
  const own = await readTrailer(disk.slots[disk.booted]);
  const runs = own?.version === release.version && own.sha256 === release.image.sha256;
  if (values.json) return print(`${JSON.stringify({ ...release, runs })}\n`);
  const { version } = await readRunning(places.root);
  const state = runs ? 'is what runs' : `can be staged; ${version} runs`;
  return print(`${nameOf(release)} ${state}\n`);
}

/** Asks a source for its release, and checks it against this machine's conditions. */
async function accepted(
  places: Places,
  disk: OpenInstallation,
  fetch: ReleaseFetch,
): Promise<{ release: Release; envelope: string }> {
  const machine = await thisMachine(places);
  const envelope = await fetchRelease(fetch);
  const release = verifyRelease(envelope, machine.keys, fetch.source.name);
  const record = await computeLimits(machine, disk);
  acceptRelease(release, {
    running: machine.running,
    now: new Date(),
    floor: record.floor,
    seen: record.seen[release.channel] ?? 0,
    slotBytes: disk.slots[getOtherSlot(disk.booted)].bytes,
    owner: await readOwnerId(disk.efi),
  });
  return { release, envelope };
}

/** Stages a release in the unused slot. */
async function bring(places: Places, values: Values): Promise<number> {
  const signal = createEndingSignal();
  const budget = values.budget === undefined ? undefined : mebibytes(values.budget);
  const note = keepStagingNote(places.root);
  try {
    await expectConfiguration(places);
    await using disk = await openDisk(places, { write: true });
    expectGood(disk.booted, await readBootState(disk.efi));
    return await withSource(places, { values, signal }, async (source) => {
      const complain = complainOf(source);
      const onFailure = (problem: string, wait: number) => {
        void note({ problem });
        complain(problem, wait);
      };
      const tries = { clock: systemClock, signal, onFailure };
      await note({});
      const fetch = { ...tries, source, within: STAGED_WITHIN };
      const { release, envelope } = await accepted(places, disk, fetch);
      const { version, channel, serial, image } = release;
      await note({ version, bytes: image.bytes, problem: null });
      const record = await computeLimits(await thisMachine(places), disk);
      // A previously activated version is abandoned, because its slot is overwritten.
      await undoExchange(places.configuration, (await readRunning(places.root)).version);
      await writeRecord(places.configuration, {
        ...record,
        trial: null,
        seen: { ...record.seen, [channel]: serial },
      });
      const how = await stage({
        target: { efi: disk.efi, slot: disk.slots[getOtherSlot(disk.booted)] },
        accepted: { release, envelope },
        ...{ ...tries, source, budget },
        onProgress: (done) => void note({ done, problem: null }),
      });
      await note({ done: image.bytes, problem: null, over: true });
      const state = how === 'written' ? 'is staged' : 'was staged already';
      return print(`${nameOf(release)} ${state}; \`qx-update activate\` restarts into it\n`);
    });
  } catch (error) {
    const problem = signal.aborted ? 'it was ended' : messageOf(error);
    // If another process is staging, its note must stay: `cancel` uses it.
    if (!(await isStagingElsewhere(places.root))) await note({ problem, over: true });
    throw error;
  }
}

/** Returns a callback that reports a failure of a source, and the time until the next try, on standard error. */
function complainOf({ name }: Source): (problem: string, wait: number) => void {
  return (problem, wait) =>
    complain(`${name}: ${problem}; next try in ${Math.ceil(wait / 1000)} s`);
}

function mebibytes(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError('--budget is a number of MiB');
  return Number(text) * 1024 * 1024;
}

async function cancel(places: Places): Promise<number> {
  if (await cancelStaging(places.root))
    return print('It is ended; `qx-update stage` goes on from there\n');
  throw new UpdateRefusal({ what: 'no release is being staged' });
}

/** Runs the same command in a separate process, which continues when the caller ends. */
function startInBackground(args: readonly string[]): number {
  const rest = args.filter((arg) => arg !== '--background');
  const child = spawn('/usr/lib/quantix/logged', ['qx-update', '/usr/sbin/qx-update', ...rest], {
    detached: true,
    stdio: 'ignore',
  });
  child.unref();
  return print('The release is being staged; `qx-update status` shows the progress\n');
}

async function withSource<T>(
  places: Places,
  { values, signal }: { values: Values; signal: AbortSignal },
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const setting = await readServerSetting(places.configuration, complain);
  const { product, architecture } = await readRunning(places.root);
  const line = { product, architecture, channel: values.channel ?? setting.channel };
  const { from } = values;
  if (from !== undefined) {
    if (!(await stat(from).catch(noSuch(from))).isBlockDevice()) {
      return await work(await makeFolderSource({ ...line, path: from }));
    }
    const stick = { device: from, access: 'ro' as const, signal };
    return await withStick(stick, async (path) => work(await makeFolderSource({ ...line, path })));
  }
  const address = values.server === undefined ? setting.server : parseServerAddress(values.server);
  if (address === undefined) {
    throw new UpdateRefusal({
      what: 'no update server is set',
      fix: '`qx-update server ADDRESS`, or --from a folder or a stick.',
    });
  }
  const { ca, 'tls-name': name } = values;
  const trust = ca === undefined || name === undefined ? undefined : { ca: await read(ca), name };
  return await work(makeServerSource({ ...line, address, trust }));
}

function noSuch(path: string) {
  return (cause: unknown): never => {
    throw new ExplainedError({ what: 'there is no such file or device', where: path, cause });
  };
}

async function read(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(noSuch(file));
}

async function activateStaged(places: Places, values: Values): Promise<number> {
  await expectConfiguration(places);
  const machine = await thisMachine(places);
  await expectNoGuests(places, machine);
  const signal = createEndingSignal();
  const version = await (async () => {
    await using disk = await openDisk(places, { write: true });
    return await activate(machine, disk, { to: 'staged', ...(await wanted(values, signal)) });
  })();
  print(`The next boot is of ${version}, on trial.\n`);
  if (!values['no-restart']) await machine.restart();
  return 0;
}

async function wanted({ minutes, patience }: Values, signal: AbortSignal) {
  for (const number of [minutes, patience]) {
    if (!/^\d{1,4}$/.test(number) || Number(number) > 1440) {
      throw new UsageError('--minutes and --patience are numbers up to 1440');
    }
  }
  return {
    minutes: Number(minutes),
    patience: Number(patience),
    controlPlane: await reachesControlPlane(signal),
    now: new Date(),
  };
}

/** Checks that a hypervisor may restart: no guest runs, or the host is in maintenance. @throws UpdateRefusal */
async function expectNoGuests(places: Places, { running: { product } }: Machine): Promise<void> {
  if (product !== 'quantix-os' || (await readMaintenance(places.node)).on) return;
  const guests = (await readGuests({ uri: SYSTEM_URI }).catch(unknownGuests)).filter(isRunning);
  if (guests.length === 0) return;
  throw new UpdateRefusal({
    what: `virtual machines run on this host: ${guests.map(({ name }) => name).join(', ')}`,
    fix: 'Stop or move them, or begin maintenance (`qx-node maintenance on`): then they are shut down.',
  });
}

/** Refuses if libvirt does not answer, because guests may run. @throws UpdateRefusal */
function unknownGuests(cause: unknown): never {
  throw new UpdateRefusal({
    what: `whether virtual machines run on this host is not known: ${messageOf(cause)}`,
    fix: 'Begin maintenance (`qx-node maintenance on`): then they are shut down.',
    cause,
  });
}

async function confirmByHand(places: Places): Promise<number> {
  await expectConfiguration(places);
  const machine = await thisMachine(places);
  await using disk = await openDisk(places, { write: true });
  await confirm(machine, disk);
  await markSettled(places);
  return 0;
}

async function goBack(places: Places, values: Values): Promise<number> {
  const machine = await thisMachine(places);
  const signal = createEndingSignal();
  const { text, restart } = await (async () => {
    await using disk = await openDisk(places, { write: true });
    // A version on trial may be rolled back even if its configuration or libvirt does not work.
    if (!isOnTrial(disk.booted, await readBootState(disk.efi))) {
      await expectConfiguration(places);
      await expectNoGuests(places, machine);
    }
    return await rollBack(machine, disk, {
      ...(await wanted(values, signal)),
      restoreConfiguration: values['with-configuration'],
    });
  })();
  print(`${text}\n`);
  if (restart && !values['no-restart']) await machine.restart();
  return 0;
}

/** Settles the current boot; called by the service `quantix-update` at each boot of an installed system. */
async function settleBoot(places: Places): Promise<number> {
  const installation = await findInstallation(places.root);
  if (installation === null) return 0;
  const machine = await thisMachine(places);
  const settled = await settle(machine, {
    open: () => openInstallation(installation, { write: true }),
    probeFor: (trial) =>
      makeMachineProbe({
        product: machine.running.product,
        controlPlane: trial?.controlPlane ?? false,
        configuration: places.configuration,
      }),
    onDeadline: async (milliseconds) => {
      const seconds = Math.ceil(uptime() + milliseconds / 1000) + GUARD_PATIENCE;
      await mkdir(dirname(places.deadline), { recursive: true });
      await writeFile(places.deadline, `${seconds}\n`);
    },
    signal: createEndingSignal(),
  });
  if (settled !== 'taken back') await markSettled(places);
  return 0;
}

/** Writes the mark that the running version is not on trial, so that the guard does not restart the machine. */
async function markSettled(places: Places): Promise<void> {
  await mkdir(dirname(places.settled), { recursive: true });
  await writeFile(places.settled, '');
}

async function openDisk(places: Places, access?: { write: boolean }): Promise<OpenInstallation> {
  const installation = await findInstallation(places.root);
  if (access?.write && (await isStagingElsewhere(places.root))) {
    throw new UpdateRefusal({
      what: 'a release is being staged',
      fix: '`qx-update status` shows the progress, and `qx-update cancel` ends it.',
    });
  }
  if (installation !== null) return await openInstallation(installation, access);
  throw new UpdateRefusal({
    what: 'this system runs from its medium, and is not installed: there is nothing to update',
    fix: 'Boot a newer medium, or install.',
  });
}

/** Checks that the update record can be stored. @throws UpdateRefusal if not */
async function expectConfiguration(places: Places): Promise<void> {
  if (isWritableMount(places.configuration, await readMounts(places.root))) return;
  throw new UpdateRefusal({
    what: `nothing that can be written is mounted at ${places.configuration}, so an update could not be taken back`,
    fix: 'The console’s status screen says why it is not there.',
  });
}

async function thisMachine(places: Places): Promise<Machine> {
  return {
    running: await readRunning(places.root),
    keys: await readTrustedKeys(places.keys),
    configuration: places.configuration,
    bootId: (await readText(join(places.root, 'proc/sys/kernel/random/boot_id'))).trim(),
    clock: systemClock,
    tell: complain,
    restart: async () => {
      await run(places.restart, [], { timeout: 10_000 });
    },
  };
}

/** Writes a line to standard error; the lines of the boot service go to the log. */
function complain(line: string): void {
  process.stderr.write(`qx-update: ${line}\n`);
}
