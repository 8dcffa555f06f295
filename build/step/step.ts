import { Code, makeCodeInputs } from './code.ts';
import { computeDigest } from './digest.ts';
import { makeNamedInputs, type StepInputs } from './inputs.ts';
import type { NpmPackages } from './npm.ts';

/** A node of the build graph: everything it depends on is in `inputs`, and its key is their hash. */
export interface Step {
  /** `squashfs`, `initramfs`, … */
  readonly name: string;
  readonly inputs: StepInputs;
  /** SHA-256 of the name and the inputs, in their order; a step whose key is in the cache is skipped. */
  readonly key: string;
}

/** A step that can run. */
export interface RunnableStep<Work, Result = void> extends Step {
  /**
   * Makes the step's result from the inputs that its key was computed from.
   * @param output the empty folder, or the file, to write to
   */
  make(output: string, work: Work): Promise<Result>;
  /** Checks the result; see `StepDefinition`. */
  readonly check?: ((output: string, work: Work) => Promise<void>) | undefined;
}

/** The definition of a step: the values that its result depends on, and how the result is made. */
export interface StepDefinition<Facts, Inputs extends object, Work, Result> {
  name: string;
  /** The module of this definition: `import.meta.filename`. Its source and all its imports are inputs too. */
  module: string;
  /**
   * Selects from the facts the values that the result depends on. Each value becomes one input of the step; an object
   * becomes one input per key. A value is plain data, the plan of an earlier step (represented by its key), or `Code`.
   */
  read(facts: Facts): Inputs;
  /**
   * Makes the result. `inputs` holds exactly the values that the step's key was computed from; the facts are not
   * available here.
   * @param work values that do not affect the result (signal, progress), and objects that the inputs identify, such as
   *   opened packages
   */
  make(output: string, inputs: Inputs, work: Work): Promise<Result>;
  /**
   * Reads the result back to check it, while later steps already use it; nothing that they make may be published before
   * the check has passed.
   * @param inputs the same object that `make` got, if this build made the result
   */
  check?(output: string, inputs: Inputs, work: Work): Promise<void>;
}

/** The installed npm packages. Those that the code of a step imports are inputs of the step. */
interface CodeFacts {
  readonly installed: NpmPackages;
}

/** Defines a step; the returned function plans it. */
export function defineStep<Facts extends CodeFacts, Inputs extends object, Work, Result>(
  definition: StepDefinition<Facts, Inputs, Work, Result>,
): (facts: Facts) => RunnableStep<Work, Result> {
  const { name, module } = definition;
  return (facts) => {
    const read = definition.read(facts);
    const handed = Object.values(read).filter((one) => one instanceof Code);
    const values = Object.entries(read).filter(([, one]) => !(one instanceof Code));
    const modules = [module, ...handed.map((code) => code.module)];
    const inputs = {
      ...makeNamedInputs(Object.fromEntries(values)),
      ...makeCodeInputs(modules, facts.installed),
    };
    return {
      ...planStep(name, inputs),
      make: (output, work) => definition.make(output, read, work),
      ...(definition.check === undefined
        ? {}
        : { check: (output, work) => definition.check?.(output, read, work) ?? Promise.resolve() }),
    };
  };
}

/** Plans a step. */
export function planStep(name: string, inputs: StepInputs): Step {
  return { name, inputs, key: computeDigest({ name, inputs }) };
}

/** A difference in one input between two builds. */
export interface InputChange {
  input: string;
  change: 'added' | 'removed' | 'changed';
  before?: string | number;
  after?: string | number;
}

/** Compares the earlier and the current inputs of a step. @returns the differences, sorted by name */
export function compareInputs(before: StepInputs, after: StepInputs): InputChange[] {
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
