import { Code, codeInputs } from './code.ts';
import { digestOf } from './digest.ts';
import { namedInputs, type StepInputs } from './inputs.ts';
import type { NpmPackages } from './npm.ts';

/** One arrow of the build: everything it depends on is in `inputs`, and its key is their hash. */
export interface Step {
  /** `squashfs`, `initramfs`, … */
  readonly name: string;
  readonly inputs: StepInputs;
  /** SHA-256 over name and inputs, in their order; a step whose key is in the cache is skipped. */
  readonly key: string;
}

/** A step that can be run. */
export interface RunnableStep<Work, Result = void> extends Step {
  /**
   * Makes what the step is there for, from the inputs that its key was made from.
   * @param output the empty folder, or the file, to write
   */
  make(output: string, work: Work): Promise<Result>;
  /** Checks what was made; see `StepDefinition`. */
  readonly check?: ((output: string, work: Work) => Promise<void>) | undefined;
}

/** What a step is: what it reads, and what it makes of that. */
export interface StepDefinition<Facts, Inputs extends object, Work, Result> {
  name: string;
  /** The module of this definition: `import.meta.filename`. Its source and all it imports is an input too. */
  module: string;
  /**
   * Takes from the facts what the step is made from. Each value becomes an input of its own, one level deep: objects
   * give one for each of their keys. A value is plain data, the plan of an earlier step (its key stands for what it
   * makes), or `Code`.
   */
  read(facts: Facts): Inputs;
  /**
   * Makes it. The inputs are the very values whose digest is the step's key, and there are no facts to read more from.
   * @param work what results do not depend on (the signal, progress), and what the inputs name, such as opened packages
   */
  make(output: string, inputs: Inputs, work: Work): Promise<Result>;
  /**
   * Reads what was made back, while later steps work with it already; nothing that they make may get its name before.
   * @param inputs the very object that `make` was given, if this build made it
   */
  check?(output: string, inputs: Inputs, work: Work): Promise<void>;
}

/** Facts say which npm packages are installed: those that a step's code imports are inputs of it. */
interface CodeFacts {
  readonly installed: NpmPackages;
}

/** Defines a step; the function that is returned plans it. */
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
      ...namedInputs(Object.fromEntries(values)),
      ...codeInputs(modules, facts.installed),
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
  return { name, inputs, key: digestOf({ name, inputs }) };
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
