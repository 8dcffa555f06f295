import type { Answer } from '../answer.ts';
import type { MachineFacts } from '../facts.ts';
import type { Progress } from '../install.ts';
import type { InstallPlan, Planned } from '../plan.ts';
import type { Report } from '../report.ts';

/** The machine's functions for the installer's screens. */
export interface Deps {
  /** Whether another process is installing. */
  isInstalling(): Promise<boolean>;
  look(signal: AbortSignal): Promise<MachineFacts>;
  plan(answer: Answer, signal: AbortSignal): Promise<Planned>;
  carryOut(plan: InstallPlan, answer: Answer, watch: Watch): Promise<Report>;
  /**
   * Carries out this machine's answer file for an unattended installation.
   * @returns the report; `null` if there is no such file, or one was carried out since this boot
   * @throws ExplainedError saying why it cannot be carried out
   */
  carryOutAnswer(watch: Watch): Promise<Report | null>;
  restart(signal: AbortSignal): Promise<void>;
  powerOff(signal: AbortSignal): Promise<void>;
  /** Makes `console-launch` start the appliance's console instead of the installer, from its next start on. */
  useLive(): Promise<void>;
}

/** Receives the progress of an installation, and can abort it. */
export interface Watch {
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}
