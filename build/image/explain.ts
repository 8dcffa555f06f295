import { existsSync } from 'node:fs';
import type { RemoteCache } from '../remote-cache/remote-cache.ts';
import type { StepCache } from '../step/cache.ts';
import { compareInputs, type InputChange } from '../step/step.ts';
import { listSteps } from './plan.ts';
import type { PreparedImage } from './prepare.ts';
import { type ImageRecord, isUpToDate } from './record.ts';

/** Whether and why a step would run. */
export interface StepExplanation {
  step: string;
  runs: boolean;
  /** Who made its result, if it was not made here. */
  origin?: string | undefined;
  /** Whether its result is in the remote cache and not in the local one. */
  comes: boolean;
  /** Inputs that changed since the last build of the image; empty if it was never built. */
  changes: InputChange[];
  /** Why it runs although no input has changed. */
  lost?: string | undefined;
}

/**
 * Explains what a build would do now: nothing if the ISO is up to date, else the steps that are not in the cache and
 * have to run, and the step that writes the ISO.
 * @param last record of the last build, for comparing inputs
 * @param remote remote cache in which to look for results that the local cache lacks; `forbidden` if results of others
 *   are not accepted
 */
export async function explainImage(
  { plan, file }: Pick<PreparedImage, 'plan' | 'file'>,
  last: ImageRecord | undefined,
  cache: StepCache,
  remote?: Pick<RemoteCache, 'find'> | 'forbidden',
): Promise<StepExplanation[]> {
  const others = remote === 'forbidden' ? undefined : remote;
  const upToDate = isUpToDate(last, file, plan, remote === 'forbidden' ? remote : 'allowed');
  const explanations: StepExplanation[] = [];
  for (const step of listSteps(plan)) {
    const isIso = step.key === plan.iso.key;
    const here = isIso ? undefined : await cache.find(step);
    const isThere = upToDate || isIso || here !== undefined;
    const maker = isThere ? undefined : await others?.find(step);
    const runs = !upToDate && here === undefined && maker === undefined;
    const before = last?.steps.find((one) => one.name === step.name);
    const changes = before === undefined ? [] : compareInputs(before.inputs, step.inputs);
    const lost = isIso ? isoLoss(file) : 'its result is no longer in the cache';
    explanations.push({
      step: step.name,
      runs,
      origin: here?.origin ?? maker,
      comes: maker !== undefined,
      changes,
      lost: runs && before?.key === step.key ? lost : undefined,
    });
  }
  return explanations;
}

function isoLoss(file: string): string {
  return existsSync(file) ? `${file} was changed since` : `${file} is no longer there`;
}
