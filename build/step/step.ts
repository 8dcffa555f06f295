import { digestOf } from './digest.ts';

/** What a step depends on: a name for people (`package libc6`, `overlay common/etc/motd`) → value or digest. */
export type StepInputs = Readonly<Record<string, string | number>>;

/** One arrow of the build: everything it depends on is in `inputs`, and its key is their hash. */
export interface Step {
  /** `squashfs`, `initramfs`, … */
  readonly name: string;
  readonly inputs: StepInputs;
  /** SHA-256 over name and inputs; a step whose key is in the cache is skipped. */
  readonly key: string;
}

/** Plans a step. What an earlier step made is named by that step's key: `{ 'step squashfs': squashfs.key }`. */
export function planStep(name: string, inputs: StepInputs): Step {
  return { name, inputs, key: digestOf({ name, inputs }) };
}

/** Gives each key of `values` a prefix, so that inputs of several kinds fit in one record. */
export function prefixed(
  prefix: string,
  values: Readonly<Record<string, string | number>>,
): StepInputs {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`${prefix} ${key}`, value]),
  );
}

/** How one input differs between two builds. */
export interface InputChange {
  input: string;
  change: 'added' | 'removed' | 'changed';
  before?: string | number;
  after?: string | number;
}

/** What changed between the inputs of a step then and now, sorted by name. */
export function inputChanges(before: StepInputs, after: StepInputs): InputChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((input): InputChange[] => {
    const [was, is] = [before[input], after[input]];
    if (was === is) return [];
    if (was === undefined && is !== undefined) return [{ input, change: 'added', after: is }];
    if (is === undefined && was !== undefined) return [{ input, change: 'removed', before: was }];
    return was === undefined || is === undefined
      ? []
      : [{ input, change: 'changed', before: was, after: is }];
  });
}
