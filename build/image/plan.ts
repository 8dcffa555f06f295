import { planSea } from '../sea/make.ts';
import { sha256 } from '../step/digest.ts';
import type { Step } from '../step/step.ts';
import { planBootLoader } from './boot-loader.ts';
import type { ImageFacts } from './facts.ts';
import { planInitramfs } from './initramfs.ts';
import { planIso } from './iso.ts';
import { planSquashfs } from './squashfs.ts';
import { planVerity } from './verity.ts';

/** The planned steps of an image. */
export type ImagePlan = ReturnType<typeof planImage>;

/** Plans the steps of an image. */
export function planImage(facts: ImageFacts) {
  const { programs } = facts;
  /** The programs of `apps/`; absent if the image has none. */
  const sea = programs === undefined ? undefined : planSea({ ...facts, programs });
  const squashfs = planSquashfs({ ...facts, sea });
  const initramfs = planInitramfs(facts);
  const verity = planVerity({ ...facts, squashfs, initramfs });
  /** 16 hex digits, different for different inputs: a booting system recognises its medium by this id. */
  const buildId = sha256(verity.key).slice(0, 16);
  const bootLoader = planBootLoader({ ...facts, buildId });
  const iso = planIso({ ...facts, buildId, squashfs, initramfs, verity, bootLoader });
  return { buildId, sea, squashfs, initramfs, verity, bootLoader, iso };
}

/** Lists the steps of a plan in an order in which they can run. */
export function listSteps(plan: ImagePlan): Step[] {
  const { sea, squashfs, initramfs, verity, bootLoader, iso } = plan;
  return [...(sea === undefined ? [] : [sea]), squashfs, initramfs, verity, bootLoader, iso];
}

/** Returns the file name of an image, without folder. Different kinds of image have different names. */
export function makeImageName({
  profile,
  lock,
  flavour,
  version,
  release,
  format,
  owner,
}: ImageFacts): string {
  const kernel = flavour === 'full' ? '' : `-${flavour}`;
  const keys = owner === undefined ? '' : '-secureboot';
  const added = profile.added === undefined ? '' : '-added';
  const state = release ? '' : `-dev${added}`;
  return `${profile.name}-${version}-${lock.base}-${profile.architecture}${kernel}${keys}${state}.${format}`;
}
