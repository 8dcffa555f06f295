import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { partitionOf } from '../../build/disk/layout.ts';
import { powerOff, restart } from '../console/appliance/power.ts';
import { messageOf } from '../error.ts';
import { codeOf } from '../process/code-of.ts';
import type { Answer } from './answer.ts';
import { keepBootEntry } from './boot-entry.ts';
import { liveConfiguration, withConfiguration } from './configuration.ts';
import { InstallError } from './error.ts';
import type { MachineFacts } from './facts.ts';
import { install, type Machinery, type Progress } from './install.ts';
import { thisMachine } from './machine.ts';
import { findMedium, type Medium } from './medium.ts';
import { type InstallPlan, type Planned, planInstall } from './plan.ts';
import { type Report, reportOf, sendReport } from './report.ts';

/** On the installed system: what the installer did. */
export const REPORT_FILE = 'install.json';

/** The program in the EFI partition that UEFI starts. */
const LOADER = /^\/EFI\/BOOT\/BOOT[A-Z0-9]+\.EFI$/;

const FOLDER = '/run/quantix/installer';
/** Holds the number of the process that installs. */
const LOCK = `${FOLDER}/lock`;

/** What the installer knows of a machine, and can do to it. */
export class Session {
  readonly medium: Medium;
  readonly #machinery: Machinery;

  private constructor(medium: Medium, machinery: Machinery) {
    this.medium = medium;
    this.#machinery = machinery;
  }

  /** @throws InstallError if this system was not started from a medium that can be installed */
  static async open(signal: AbortSignal): Promise<Session> {
    const medium = await findMedium();
    return new Session(medium, thisMachine(medium, signal));
  }

  /** The machine now. */
  look(): Promise<MachineFacts> {
    return this.#machinery.readMachine();
  }

  /** What would be done. */
  async plan(answer: Answer): Promise<Planned> {
    return planInstall(await this.look(), answer, randomUUID);
  }

  /**
   * Carries a plan out, and reports it: on the console, on the installed disk, and to whom the answer names.
   * @param tell gets what is to be minded, a sentence each
   * @returns the report; an installation that failed is told in it
   * @throws InstallError if another one is under way
   */
  async carryOut(
    plan: InstallPlan,
    { answer, tell, onProgress, signal }: CarryOutOptions,
  ): Promise<Report> {
    await using _ = await lock();
    const { base, architecture, buildId, facts } = this.medium;
    const { product, version, bytes: imageBytes } = facts;
    const started = new Date();
    const common = { plan, image: facts, started };
    let report: Report;
    try {
      const carried = answer['carry-over'] ? await liveConfiguration() : new Map<string, Buffer>();
      const sha256 = await install({
        plan,
        machinery: this.#machinery,
        trailer: { product, version, base, architecture, buildId, imageBytes },
        files: withConfiguration(carried, answer.configuration),
        epoch: Math.floor(started.getTime() / 1000),
        onProgress,
        signal,
      });
      const warnings = await this.#enterInBootMenu(plan);
      report = reportOf({ ...common, ended: new Date(), sha256, warnings });
      report = { ...report, warnings: [...warnings, ...(await this.#keepReport(plan, report))] };
    } catch (error) {
      report = reportOf({ ...common, ended: new Date(), sha256: null, error });
    }
    await publish(report, answer, tell);
    return report;
  }

  /** Reports that nothing can be installed as an answer asks for. @param reasons why, a clause each */
  async refuse(
    reasons: readonly string[],
    { answer, tell }: Pick<CarryOutOptions, 'answer' | 'tell'>,
  ): Promise<Report> {
    const now = new Date();
    const error = new InstallError({ what: reasons.join('; ') });
    const common = { plan: null, image: this.medium.facts, started: now, ended: now };
    const report = reportOf({ ...common, sha256: null, error });
    await publish(report, answer, tell);
    return report;
  }

  /** What is installed is there from here on, whatever the firmware says. @returns what is to be minded */
  async #enterInBootMenu(plan: InstallPlan): Promise<string[]> {
    const { title } = this.medium.facts;
    return await warningsOf(async () => {
      const { efi } = await this.#machinery.readBootFiles();
      const loader = [...efi.keys()].find((path) => LOADER.test(path));
      if (loader !== undefined) await keepBootEntry({ title, plan, loader });
    });
  }

  /** Puts the report onto the installed disk. @returns what is to be minded */
  async #keepReport(plan: InstallPlan, report: Report): Promise<string[]> {
    const text = Buffer.from(`${JSON.stringify(report, null, 2)}\n`);
    const partition = partitionOf(plan.layout, 'configuration');
    const files = new Map([[REPORT_FILE, text]]);
    return await warningsOf(() => this.#machinery.putFiles(plan.disk, partition, files));
  }
}

/** Does what an installation is whole without. @returns why it could not be done; nothing if it was */
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
  tell: (sentence: string) => void;
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}

/** Bytes of a record of the kernel's log. */
const RECORD = 900;

/** Writes into the kernel's log, which all consoles show. */
export async function sayOnConsole(...lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    await appendFile('/dev/kmsg', `<4>quantix: ${line.slice(0, RECORD)}\n`).catch(
      (error: unknown) => {
        process.stderr.write(`/dev/kmsg: ${messageOf(error)}\n`);
      },
    );
  }
}

/** Tells what came of an installation: on the consoles, and to whom an answer names. */
async function publish(
  report: Report,
  answer: Answer,
  tell: CarryOutOptions['tell'],
): Promise<void> {
  await sayReport(report);
  if (answer.report === undefined) return;
  // One that was given up is reported all the same.
  const problem = await sendReport(answer.report, report, new AbortController().signal);
  if (problem !== null) tell(`The report could not be sent: ${problem}.`);
}

/** Tells what came of an installation: for people, and as JSON. */
async function sayReport(report: Report): Promise<void> {
  const { result, product, version, disk, problem, partitions: _, warnings, ...rest } = report;
  const text =
    disk !== null && result === 'installed'
      ? `${product} ${version} is installed on ${disk.path}`
      : `${product} was not installed: ${problem}`;
  const json = JSON.stringify({ result, product, version, disk, ...rest });
  await sayOnConsole(text, ...warnings, `install report ${json}`);
}

/** @throws InstallError if another process installs */
async function lock(): Promise<AsyncDisposable> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  for (;;) {
    try {
      await writeFile(LOCK, `${process.pid}\n`, { flag: 'wx' });
      return { [Symbol.asyncDispose]: () => rm(LOCK, { force: true }) };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    if (await isInstalling()) {
      throw new InstallError({ what: 'an installation is under way already, on another terminal' });
    }
    await rm(LOCK, { force: true });
  }
}

/** Whether a process installs now. */
export async function isInstalling(): Promise<boolean> {
  const holder = (await readFile(LOCK, 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(holder)) return false;
  const name = await readFile(`/proc/${holder}/cmdline`, 'utf8').catch(() => '');
  return name.includes('qx');
}

/** What comes after an installation. A machine that would find its answer again is not restarted into the next one. */
export async function finish(answer: Answer, retired: boolean, signal: AbortSignal): Promise<void> {
  const next = answer.afterwards ?? (retired ? 'restart' : 'power-off');
  if (next === 'restart') await restart(signal);
  if (next === 'power-off') await powerOff(signal);
}
