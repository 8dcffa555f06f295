import { ExplainedError, type Explanation } from '../../error.ts';

/** The agent cannot do what it is asked; the message is for the operator. */
export class AgentError extends ExplainedError {}

/** There is no answer from the control plane. */
export class UnreachableError extends AgentError {}

/** The control plane asks for a pause before the next call. */
export class TemporaryRefusalError extends AgentError {
  /** Milliseconds until the next call. */
  readonly retryAfter: number;

  constructor({ retryAfter, ...explanation }: Explanation & { retryAfter: number }) {
    super(explanation);
    this.retryAfter = retryAfter;
  }
}

/** The control plane refused, or is not the one that the token names: a retry soon would not help. */
export class RefusedError extends AgentError {
  /** Milliseconds after which another try is reasonable; `undefined` if the answer does not say. */
  readonly retryAfter: number | undefined;

  constructor({ retryAfter, ...explanation }: Explanation & { retryAfter?: number | undefined }) {
    super(explanation);
    this.retryAfter = retryAfter;
  }
}
