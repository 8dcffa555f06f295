import { ExplainedError } from '../../error.ts';

/** The agent cannot do what it is asked; the message is for the operator. */
export class AgentError extends ExplainedError {}

/** Trying again would not help: the control plane said no, or is not the one that the token means. */
export class RefusedError extends AgentError {}
