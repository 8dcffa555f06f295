import { planStep, type Step } from '../../step/step.ts';
import { type ImageFacts, sourceInputs, toolInputs } from './facts.ts';

/** Plans GRUB for BIOS and UEFI; both find the medium by its build id. */
export function planBootLoader(facts: ImageFacts, buildId: string): Step {
  return planStep('boot-loader', {
    'build id': buildId,
    epoch: facts.lock.sourceDateEpoch,
    ...toolInputs(facts, ['grub-mkimage', 'mformat']),
    ...sourceInputs(facts, ['build/image/steps/boot-loader.ts', 'build/image/boot-loader.ts']),
  });
}
