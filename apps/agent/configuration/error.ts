import { ExplainedError, type Explanation } from '../../error.ts';

/** The agent cannot do what it is asked; the message is for the operator. */
export class AgentError extends ExplainedError {}

/** Nobody answers there, or somebody else does. */
export class UnreachableError extends AgentError {}

/** The control plane asks not to be called for a while. */
export class PassingError extends AgentError {
  /** Milliseconds. */
  readonly retryAfter: number;

  constructor({ retryAfter, ...explanation }: Explanation & { retryAfter: number }) {
    super(explanation);
    this.retryAfter = retryAfter;
  }
}

/** The control plane said no, or is not the one that the token means: trying again soon would not help. */
export class RefusedError extends AgentError {
  /** Milliseconds after which it is worth asking again; `undefined` if nothing was said. */
  readonly retryAfter: number | undefined;

  constructor({ retryAfter, ...explanation }: Explanation & { retryAfter?: number | undefined }) {
    super(explanation);
    this.retryAfter = retryAfter;
  }
}
