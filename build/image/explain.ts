import { type InputChange, inputChanges } from '../step/step.ts';
import { type ImagePlan, stepsOf } from './plan.ts';
import type { ImageRecord } from './record.ts';

/** Why a step would run, or not. */
export interface StepExplanation {
  step: string;
  runs: boolean;
  /** What changed since the image was last built; empty if it never was. */
  changes: InputChange[];
}

/** Compares a plan with the image that was last built from this profile. */
export function explainPlan(plan: ImagePlan, last: ImageRecord | undefined): StepExplanation[] {
  return stepsOf(plan).map((step) => {
    const before = last?.steps.find((one) => one.name === step.name);
    return {
      step: step.name,
      runs: before?.key !== step.key,
      changes: before === undefined ? [] : inputChanges(before.inputs, step.inputs),
    };
  });
}
