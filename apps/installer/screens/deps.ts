import type { Answer } from '../answer.ts';
import type { MachineFacts } from '../facts.ts';
import type { Progress } from '../install.ts';
import type { InstallPlan, Planned } from '../plan.ts';
import type { Report } from '../report.ts';

/** What the installer's screens have of the machine. */
export interface Deps {
  /** Whether another process installs now. */
  isInstalling(): Promise<boolean>;
  look(signal: AbortSignal): Promise<MachineFacts>;
  plan(answer: Answer, signal: AbortSignal): Promise<Planned>;
  carryOut(plan: InstallPlan, answer: Answer, watch: Watch): Promise<Report>;
  /**
   * Carries the answer file out that this machine has for an unattended installation.
   * @returns the report; `null` if there is no such file, or one was carried out since this boot
   * @throws ExplainedError why it cannot be carried out
   */
  carryOutAnswer(watch: Watch): Promise<Report | null>;
  restart(signal: AbortSignal): Promise<void>;
  powerOff(signal: AbortSignal): Promise<void>;
  /** Has the appliance's console be on this terminal instead, from the next start on. */
  useLive(): Promise<void>;
}

/** Who is told how far an installation is. */
export interface Watch {
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}
