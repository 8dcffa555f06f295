import { ExplainedError } from '../error.ts';
import {
  createEndingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';
import { describeContents, describeDisk, describeProgress, planText } from './describe.ts';
import { InstallError } from './error.ts';
import { type FoundAnswer, findAnswer, loadAnswer, retireAnswer } from './find-answer.ts';
import type { InstallPlan, Planned } from './plan.ts';
import { runInstaller } from './screens/installer.ts';
import { finish, Session } from './session.ts';

const HELP = `usage: qx-install              the installer's screens, on a terminal
       qx-install disks        list the disks of this machine and their content
       qx-install plan [--answer FILE]   show what would be done
       qx-install run [--answer FILE]    install

FILE is a path, or an address followed by a hash: https://host/node7.yaml#sha256=HASH. Without it the answer
file is the one in the kernel parameter quantix.answer, or /quantix/install.yaml.
`;

/** Runs `qx-install`, which installs the running system on a disk. @returns exit status */
export function main(args: string[]): Promise<number> {
  if (args.length === 0) return runInstaller();
  return runCommandLine(
    {
      program: 'qx-install',
      help: HELP,
      options: { answer: { type: 'string' } },
      isExplained: (error) => error instanceof ExplainedError,
      run: ({ command, operands }, { answer }) => {
        expectOperands(operands);
        if (command === 'disks') return listDisks();
        if (command === 'plan') return showPlan(answer);
        if (command === 'run') return carryOut(answer);
        return refuseCommand(command);
      },
    },
    args,
  );
}

async function listDisks(): Promise<number> {
  const session = await Session.open(createEndingSignal());
  const { disks } = await session.look();
  const lines = disks.map((disk) => `${describeDisk(disk)}\n    ${describeContents(disk)}\n`);
  return print(lines.length === 0 ? 'no disks\n' : lines.join(''));
}

async function showPlan(named: string | undefined): Promise<number> {
  const signal = createEndingSignal();
  const { answer } = await answerOf(named, signal);
  const plan = planIn(await (await Session.open(signal)).plan(answer));
  return print(`${planText(plan).join('\n')}\n`);
}

async function carryOut(named: string | undefined): Promise<number> {
  const signal = createEndingSignal();
  const found = await answerOf(named, signal);
  const { answer } = found;
  const session = await Session.open(signal);
  const say = (sentence: string) => void process.stderr.write(`qx-install: ${sentence}\n`);
  const planned = await session.plan(answer);
  if ('reasons' in planned) await session.refuse(planned.reasons, { answer, say });
  const plan = planIn(planned);
  print(`${planText(plan).join('\n')}\n`);
  let shown = '';
  const report = await session.carryOut(plan, {
    ...{ answer, signal, say },
    onProgress: (progress) => {
      const text = describeProgress(progress);
      if (text !== shown) print(`${text}\n`);
      shown = text;
    },
  });
  print(`${JSON.stringify(report)}\n`);
  if (report.problem !== null) throw new InstallError({ what: report.problem.replace(/\.$/, '') });
  await finish(answer, await retireAnswer(found), signal);
  return 0;
}

async function answerOf(named: string | undefined, signal: AbortSignal): Promise<FoundAnswer> {
  const found = named === undefined ? await findAnswer(signal) : await loadAnswer(named, signal);
  if (found === null) {
    throw new UsageError(
      'there is no answer file: name one by --answer, or call it alone on a terminal',
    );
  }
  return found;
}

/** Returns the plan. @throws InstallError with all reasons why there is none */
function planIn(planned: Planned): InstallPlan {
  if ('plan' in planned) return planned.plan;
  throw new InstallError({
    what: `nothing is installed: ${planned.reasons.join('; ')}`,
    fix: 'See the disks with: qx-install disks',
  });
}
