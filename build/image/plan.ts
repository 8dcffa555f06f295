import { sha256 } from '../step/digest.ts';
import type { Step } from '../step/step.ts';
import { planBootLoader } from './steps/boot-loader.ts';
import type { ImageFacts } from './steps/facts.ts';
import { planInitramfs } from './steps/initramfs.ts';
import { planIso } from './steps/iso.ts';
import { planSea } from './steps/sea.ts';
import { planSquashfs } from './steps/squashfs.ts';

/** The steps of an image, before any of them is run. */
export interface ImagePlan {
  /** 16 hex digits, the same for the same inputs and for no others: by it a booting system finds its medium. */
  buildId: string;
  /** The programs of `apps/`; absent if the image has none. */
  sea: Step | undefined;
  squashfs: Step;
  initramfs: Step;
  bootLoader: Step;
  iso: Step;
}

/** Plans the steps of an image. A step's inputs hold every field it reads, so that its key stands for its result. */
export function planImage(facts: ImageFacts): ImagePlan {
  const sea = planSea(facts);
  const squashfs = planSquashfs(facts, sea);
  const initramfs = planInitramfs(facts);
  const buildId = sha256(`${squashfs.key} ${initramfs.key}`).slice(0, 16);
  const bootLoader = planBootLoader(facts, buildId);
  const iso = planIso(facts, { squashfs, initramfs, bootLoader });
  return { buildId, sea, squashfs, initramfs, bootLoader, iso };
}

/** The steps of a plan, in the order in which they can be run. */
export function stepsOf({ sea, squashfs, initramfs, bootLoader, iso }: ImagePlan): Step[] {
  return [...(sea === undefined ? [] : [sea]), squashfs, initramfs, bootLoader, iso];
}

/** File name of an ISO, without folder. */
export function isoName({ profile, lock, flavour, version }: ImageFacts): string {
  const kernel = flavour === 'full' ? '' : `-${flavour}`;
  return `${profile.name}-${version}-${lock.base}-x86_64${kernel}.iso`;
}
