import { ExplainedError } from '../error.ts';

/** Thrown if the installer cannot continue; the message is for the person who installs. */
export class InstallError extends ExplainedError {}
