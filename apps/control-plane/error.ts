import { ExplainedError } from '../error.ts';

/**
 * Thrown if the control plane cannot do what it is asked: a mistake of the caller, or a service that does not answer.
 */
export class ControlPlaneError extends ExplainedError {}
