import { ExplainedError } from '../../error.ts';

/** The agent cannot do what it is asked with the control plane. */
export class ControlError extends ExplainedError {}

/** Trying again would not help: the control plane said no, or is not the one that the token means. */
export class RefusedError extends ControlError {}
