import { existsSync } from 'node:fs';
import type { StepCache } from '../step/cache.ts';
import { type InputChange, inputChanges } from '../step/step.ts';
import { listSteps } from './plan.ts';
import type { PreparedImage } from './prepare.ts';
import { type ImageRecord, isUpToDate } from './record.ts';

/** Why a step would run, or not. */
export interface StepExplanation {
  step: string;
  runs: boolean;
  /** What changed since the image was last built; empty if it never was. */
  changes: InputChange[];
  /** Why it runs where no input has changed. */
  lost?: string | undefined;
}

/**
 * Says what a build would do now: nothing if the ISO is up to date, else the steps whose results are not in the cache,
 * and the ISO.
 * @param last what is remembered of the last build, by which the changes are told
 */
export async function explainImage(
  { plan, file }: Pick<PreparedImage, 'plan' | 'file'>,
  last: ImageRecord | undefined,
  cache: StepCache,
): Promise<StepExplanation[]> {
  const upToDate = isUpToDate(last, file, plan);
  const explanations: StepExplanation[] = [];
  for (const step of listSteps(plan)) {
    const isIso = step.key === plan.iso.key;
    const runs = !upToDate && (isIso || (await cache.find(step)) === undefined);
    const before = last?.steps.find((one) => one.name === step.name);
    const changes = before === undefined ? [] : inputChanges(before.inputs, step.inputs);
    const lost = isIso ? isoLoss(file) : 'its result is no longer in the cache';
    explanations.push({
      step: step.name,
      runs,
      changes,
      lost: runs && before?.key === step.key ? lost : undefined,
    });
  }
  return explanations;
}

function isoLoss(file: string): string {
  return existsSync(file) ? `${file} was changed since` : `${file} is no longer there`;
}
