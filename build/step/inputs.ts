import { computeDigest } from './digest.ts';

/** Inputs of a step: readable name (`package libc6`, `overlay common/etc/motd`) → value or digest. */
export type StepInputs = Readonly<Record<string, string | number>>;

/** Maximum length of a text that is recorded as it is; a longer one is recorded as a digest. */
const LONGEST = 80;

/**
 * Converts values to inputs of a step. An object becomes one input per key, in their order; the plan of another step is
 * represented by its key.
 */
export function makeNamedInputs(values: object): StepInputs {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]: [string, unknown]) => {
      if (value === undefined) return [];
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return [[name, inputOf(value)]];
      }
      if (isStep(value)) return [[`step ${value.name}`, value.key]];
      const present = Object.entries(value).filter(([, one]) => one !== undefined);
      return present.map(([key, one]) => [`${name} ${key}`, inputOf(one)]);
    }),
  );
}

function isStep(value: object): value is { name: string; key: string } {
  return 'name' in value && 'inputs' in value && 'key' in value;
}

/** Returns the value itself if it is a number or a short text, else its digest, after its version if it has one. */
function inputOf(value: unknown): string | number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && value.length <= LONGEST) return value;
  const hasVersion = typeof value === 'object' && value !== null && 'version' in value;
  return hasVersion ? `${value.version} ${computeDigest(value)}` : computeDigest(value);
}
