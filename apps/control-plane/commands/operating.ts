import { expectOperands } from '../../process/command-line.ts';
import type { OperatorValues } from '../operator/options.ts';

/** Context of a command. */
export interface Operating {
  readonly form: 'json' | 'text';
  readonly values: OperatorValues;
  /** Socket on which the control plane listens. */
  readonly socket: string;
  readonly signal: AbortSignal;
  /** Prints progress for people. */
  readonly tell: (text: string) => void;
  /** Prints a part of the result while more is to come; resolves once it is written. */
  readonly print: (text: string) => Promise<void>;
  /** Asks the operator for a line; undefined if nobody can be asked. */
  readonly askLine: (question: string) => Promise<string | undefined>;
}

/** The outcome of a command. */
export interface Outcome {
  readonly text: string;
  /** Exit status. 0: success; 1: a task failed; 3: the outcome of a task is not known yet. */
  readonly status: number;
}

/** Formats a result: the value as JSON, or as the text made from it. */
export function told({ form }: Operating, value: object, text: (now: number) => string): Outcome {
  const json = () => `${JSON.stringify(value, null, 2)}\n`;
  return { text: form === 'json' ? json() : text(Date.now()), status: 0 };
}

/** Returns the only operand. */
export function one(operands: readonly string[]): string {
  expectOperands(operands, 1);
  return operands[0] ?? '';
}
