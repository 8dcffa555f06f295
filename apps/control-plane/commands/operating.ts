import { expectOperands, UsageError } from '../../process/command-line.ts';
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
export function formatOutcome(
  { form }: Operating,
  value: object,
  text: (now: number) => string,
): Outcome {
  const json = () => `${JSON.stringify(value, null, 2)}\n`;
  return { text: form === 'json' ? json() : text(Date.now()), status: 0 };
}

/** Returns the only operand. */
export function requireOne(operands: readonly string[]): string {
  expectOperands(operands, 1);
  return operands[0] ?? '';
}

/** Parses the value of an option. @returns a number from 1 to 100 @throws UsageError */
export function parseUpTo100(option: string, text: string): number {
  if (/^([1-9]\d?|100)$/.test(text)) return Number(text);
  throw new UsageError(`--${option} ${JSON.stringify(text)} is not a number from 1 to 100`);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Parses a duration such as `90s`, `30m`, `1h` or `7d`. @returns seconds @throws UsageError */
export function parseDuration(text: string, most: number): number {
  const [, number = '', unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (UNITS[unit] ?? 0);
  if (seconds > 0 && seconds <= most) return seconds;
  throw new UsageError(
    `${JSON.stringify(text)} is not a time such as 30m, 1h or 7d, of at most ${Math.floor(most / 86_400)}d`,
  );
}
