import { sha256 } from '../step/digest.ts';
import type { Step } from '../step/step.ts';
import { planBootLoader } from './steps/boot-loader.ts';
import type { ImageFacts } from './steps/facts.ts';
import { planInitramfs } from './steps/initramfs.ts';
import { planIso } from './steps/iso.ts';
import { planSquashfs } from './steps/squashfs.ts';

/** The steps of an image, before any of them is run. */
export interface ImagePlan {
  /** 16 hex digits, the same for the same inputs and for no others: by it a booting system finds its medium. */
  buildId: string;
  squashfs: Step;
  initramfs: Step;
  bootLoader: Step;
  iso: Step;
}

/** Plans the steps of an image. A step's inputs hold every field it reads, so that its key stands for its result. */
export function planImage(facts: ImageFacts): ImagePlan {
  const squashfs = planSquashfs(facts);
  const initramfs = planInitramfs(facts);
  const buildId = sha256(`${squashfs.key} ${initramfs.key}`).slice(0, 16);
  const bootLoader = planBootLoader(facts, buildId);
  const iso = planIso(facts, { squashfs, initramfs, bootLoader });
  return { buildId, squashfs, initramfs, bootLoader, iso };
}

/** File name of an ISO, without folder. */
export function isoName({ profile, lock, version }: ImageFacts): string {
  return `${profile.name}-${version}-${lock.base}-x86_64.iso`;
}
