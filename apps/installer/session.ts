import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { findPartition } from '../../build/disk/layout.ts';
import { powerOff, restart } from '../console/appliance/power.ts';
import { messageOf } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';
import type { Answer } from './answer.ts';
import { keepBootEntry } from './boot-entry.ts';
import { readLiveConfiguration, withConfiguration } from './configuration.ts';
import { InstallError } from './error.ts';
import type { MachineFacts } from './facts.ts';
import { install, type MachineOperations, type Progress } from './install.ts';
import { createMachineOperations } from './machine.ts';
import { findMedium, type Medium } from './medium.ts';
import { type InstallPlan, type Planned, planInstall } from './plan.ts';
import { type Report, reportOf, sendReport } from './report.ts';

/** File on the installed system with the installer's report. */
export const REPORT_FILE = 'install.json';

/** Path of the program in the EFI partition that UEFI starts. */
const LOADER = /^\/EFI\/BOOT\/BOOT[A-Z0-9]+\.EFI$/;

const FOLDER = '/run/quantix/installer';
/** Lock file with the ID of the installing process. */
const LOCK = `${FOLDER}/lock`;

/** A session of the installer on this machine. */
export class Session {
  readonly medium: Medium;
  readonly #operations: MachineOperations;

  private constructor(medium: Medium, operations: MachineOperations) {
    this.medium = medium;
    this.#operations = operations;
  }

  /** Opens a session. @throws InstallError if this system was not started from a medium that can be installed */
  static async open(signal: AbortSignal): Promise<Session> {
    const medium = await findMedium();
    return new Session(medium, createMachineOperations(medium, signal));
  }

  /** Reads the present state of the machine. */
  look(): Promise<MachineFacts> {
    return this.#operations.readMachine();
  }

  /** Plans an installation according to an answer. */
  async plan(answer: Answer): Promise<Planned> {
    return planInstall(await this.look(), answer, randomUUID);
  }

  /**
   * Carries out a plan, and reports the result: on the console, on the installed disk, and to the server that the
   * answer names.
   * @param say receives warnings, one sentence each
   * @returns the report, also of an installation that failed
   * @throws InstallError if another installation is running
   */
  async carryOut(
    plan: InstallPlan,
    { answer, say, onProgress, signal }: CarryOutOptions,
  ): Promise<Report> {
    await using _ = await lock();
    const { base, architecture, buildId, facts } = this.medium;
    const { product, version, bytes: imageBytes } = facts;
    const started = new Date();
    const common = { plan, image: facts, started };
    let report: Report;
    try {
      const carried = answer['carry-over']
        ? await readLiveConfiguration()
        : new Map<string, Buffer>();
      const sha256 = await install({
        plan,
        operations: this.#operations,
        trailer: { product, version, base, architecture, buildId, imageBytes },
        files: withConfiguration(carried, answer.configuration),
        epoch: Math.floor(started.getTime() / 1000),
        onProgress,
        signal,
      });
      const warnings = [...plan.warnings, ...(await this.#enterInBootMenu(plan))];
      report = reportOf({ ...common, ended: new Date(), sha256, warnings });
      report = { ...report, warnings: [...warnings, ...(await this.#keepReport(plan, report))] };
    } catch (error) {
      report = reportOf({ ...common, ended: new Date(), sha256: null, error });
    }
    await publish(report, answer, say);
    return report;
  }

  /** Reports that nothing can be installed according to an answer. @param reasons why, one clause each */
  async refuse(
    reasons: readonly string[],
    { answer, say }: Pick<CarryOutOptions, 'answer' | 'say'>,
  ): Promise<Report> {
    const now = new Date();
    const error = new InstallError({ what: reasons.join('; ') });
    const common = { plan: null, image: this.medium.facts, started: now, ended: now };
    const report = reportOf({ ...common, sha256: null, error });
    await publish(report, answer, say);
    return report;
  }

  /** Adds the disk to the firmware's boot menu; the installation is complete even if that fails. @returns warnings */
  async #enterInBootMenu(plan: InstallPlan): Promise<string[]> {
    const { title } = this.medium.facts;
    return await warningsOf(async () => {
      const { efi } = await this.#operations.readBootFiles();
      const loader = [...efi.keys()].find((path) => LOADER.test(path));
      if (loader !== undefined) await keepBootEntry({ title, plan, loader });
    });
  }

  /** Writes the report to the installed disk. @returns warnings */
  async #keepReport(plan: InstallPlan, report: Report): Promise<string[]> {
    const text = Buffer.from(`${JSON.stringify(report, null, 2)}\n`);
    const partition = findPartition(plan.layout, 'configuration');
    const files = new Map([[REPORT_FILE, text]]);
    return await warningsOf(() => this.#operations.putFiles(plan.disk, partition, files));
  }
}

/** Does work that an installation does not depend on. @returns why it failed; empty if it succeeded */
async function warningsOf(work: () => Promise<void>): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

export interface CarryOutOptions {
  answer: Answer;
  say: (sentence: string) => void;
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}

/** Longest record in the kernel's log, in bytes. */
const RECORD = 900;

/** Writes lines to the kernel's log, which all consoles show. */
export async function sayOnConsole(...lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    await appendFile('/dev/kmsg', `<4>quantix: ${line.slice(0, RECORD)}\n`).catch(
      (error: unknown) => {
        process.stderr.write(`/dev/kmsg: ${messageOf(error)}\n`);
      },
    );
  }
}

/** Reports the result of an installation: on the consoles, and to the server that the answer names. */
async function publish(report: Report, answer: Answer, say: CarryOutOptions['say']): Promise<void> {
  await sayReport(report);
  if (answer.report === undefined) return;
  // Not the signal of the installation: a cancelled installation is reported, too.
  const problem = await sendReport(answer.report, report, new AbortController().signal);
  if (problem !== null) say(`The report could not be sent: ${problem}.`);
}

/** Writes the result of an installation to the consoles: for people, and as JSON. */
async function sayReport(report: Report): Promise<void> {
  const { result, product, version, disk, problem, partitions: _, warnings, ...rest } = report;
  const text =
    disk !== null && result === 'installed'
      ? `${product} ${version} is installed on ${disk.path}`
      : `${product} was not installed: ${problem}`;
  const json = JSON.stringify({ result, product, version, disk, ...rest });
  await sayOnConsole(text, ...warnings, `install report ${json}`);
}

/** Takes the lock of installations. @throws InstallError if another process is installing */
async function lock(): Promise<AsyncDisposable> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  for (;;) {
    try {
      await writeFile(LOCK, `${process.pid}\n`, { flag: 'wx' });
      return { [Symbol.asyncDispose]: () => rm(LOCK, { force: true }) };
    } catch (error) {
      if (getErrorCode(error) !== 'EEXIST') throw error;
    }
    if (await isInstalling()) {
      throw new InstallError({ what: 'an installation is under way already, on another terminal' });
    }
    await rm(LOCK, { force: true });
  }
}

/** Whether a process is installing. */
export async function isInstalling(): Promise<boolean> {
  const holder = (await readFile(LOCK, 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(holder)) return false;
  const name = await readFile(`/proc/${holder}/cmdline`, 'utf8').catch(() => '');
  return name.includes('qx');
}

/**
 * Restarts or switches off the machine after an installation. A machine that would find its answer file again is not
 * restarted by default, because it would install again.
 */
export async function finish(answer: Answer, retired: boolean, signal: AbortSignal): Promise<void> {
  const next = answer.afterwards ?? (retired ? 'restart' : 'power-off');
  if (next === 'restart') await restart(signal);
  if (next === 'power-off') await powerOff(signal);
}
