import { expectOperands } from '../../process/command-line.ts';
import type { OperatorValues } from '../operator/options.ts';

/** How a command is carried out. */
export interface Operating {
  readonly form: 'json' | 'text';
  readonly values: OperatorValues;
  /** Where the control plane listens. */
  readonly socket: string;
  readonly signal: AbortSignal;
  /** Prints for people while something is waited for. */
  readonly tell: (text: string) => void;
  /** Asks the operator for a line; undefined if there is nobody to be asked. */
  readonly askLine: (question: string) => Promise<string | undefined>;
}

/** What a command came to. */
export interface Outcome {
  readonly text: string;
  /** 0; 1: a task failed; 3: what came of a task is not known yet. */
  readonly status: number;
}

/** What is told: the value as JSON, or what the text says of it. */
export function told({ form }: Operating, value: object, text: (now: number) => string): Outcome {
  const json = () => `${JSON.stringify(value, null, 2)}\n`;
  return { text: form === 'json' ? json() : text(Date.now()), status: 0 };
}

/** The one operand. */
export function one(operands: readonly string[]): string {
  expectOperands(operands, 1);
  return operands[0] ?? '';
}
