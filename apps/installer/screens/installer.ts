import { access, mkdir, writeFile } from 'node:fs/promises';
import { powerOff, restart } from '../../console/appliance/power.ts';
import { runProgram } from '../../console/kit/run.ts';
import { messageOf } from '../../error.ts';
import { parseOsRelease } from '../../host/os-release.ts';
import { readText } from '../../host/read.ts';
import { createEndingSignal } from '../../process/command-line.ts';
import { describeProgress, planText } from '../describe.ts';
import { findAnswer, isInstallMode, retireAnswer } from '../find-answer.ts';
import type { Progress } from '../install.ts';
import type { Report } from '../report.ts';
import { finish, isInstalling, Session, sayOnConsole } from '../session.ts';
import type { Deps, Watch } from './deps.ts';
import { createInstallerProgram } from './program.ts';

const FOLDER = '/run/quantix/installer';
/** File that marks the attempt of an unattended installation since this boot: it is not repeated, even if it failed. */
const ATTEMPTED = `${FOLDER}/attempted`;
/** File that makes `console-launch` start the console although the kernel parameters request an installation. */
const LIVE = `${FOLDER}/live`;

/** Exit status for wrong usage: no terminal. */
const USAGE = 2;

/** Runs the installer's screens on this process's terminal. @returns exit status */
export async function runInstaller(): Promise<number> {
  const { stdin: input, stdout: output, stderr } = process;
  if (!input.isTTY || !output.isTTY) {
    stderr.write('qx-install: this is not a terminal; see qx-install --help\n');
    return USAGE;
  }
  const system = parseOsRelease(await readText('/etc/os-release'));
  const product = `${system.get('NAME') ?? ''} ${system.get('VERSION_ID') ?? ''}`.trim();
  return runProgram(
    createInstallerProgram(product, thisSystem()),
    { input, output },
    createEndingSignal(),
  );
}

function thisSystem(): Deps {
  const session = (signal: AbortSignal) => Session.open(signal);
  return {
    isInstalling,
    look: async (signal) => (await session(signal)).look(),
    plan: async (answer, signal) => (await session(signal)).plan(answer),
    carryOut: async (plan, answer, { onProgress, signal }) =>
      (await session(signal)).carryOut(plan, { answer, onProgress, signal, say: () => undefined }),
    carryOutAnswer,
    restart,
    powerOff,
    useLive: async () => {
      await mkdir(FOLDER, { recursive: true, mode: 0o700 });
      await writeFile(LIVE, '');
    },
  };
}

async function carryOutAnswer({ onProgress, signal }: Watch): Promise<Report | null> {
  if (!(await isInstallMode()) || (await isThere(ATTEMPTED))) return null;
  try {
    const found = await findAnswer(signal);
    if (found === null) return null;
    await mkdir(FOLDER, { recursive: true, mode: 0o700 });
    await writeFile(ATTEMPTED, '');
    const { answer } = found;
    const session = await Session.open(signal);
    const planned = await session.plan(answer);
    const say = (sentence: string) => void sayOnConsole(`install: ${sentence}`);
    if ('reasons' in planned) return await session.refuse(planned.reasons, { answer, say });
    await sayOnConsole(
      `install: by ${found.where}`,
      ...planText(planned.plan).map((one) => `install: ${one}`),
    );
    const report = await session.carryOut(planned.plan, {
      answer,
      ...{ signal, say },
      onProgress: alsoOnConsoles(onProgress),
    });
    if (report.problem === null) await finish(answer, await retireAnswer(found), signal);
    return report;
  } catch (error) {
    await sayOnConsole(`install: nothing was installed: ${messageOf(error)}`);
    throw error;
  }
}

/** Reports progress on all consoles, too. */
function alsoOnConsoles(onProgress: (progress: Progress) => void): (progress: Progress) => void {
  let shown = '';
  return (progress) => {
    const text = describeProgress(progress);
    if (text !== shown) void sayOnConsole(`install: ${text}`);
    shown = text;
    onProgress(progress);
  };
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
