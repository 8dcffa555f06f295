import { ExplainedError } from '../error.ts';

/** The installer cannot go on; the message is for whoever installs. */
export class InstallError extends ExplainedError {}
