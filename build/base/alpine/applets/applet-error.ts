import { BuildError, type Explanation } from '../../../error.ts';

/** Why a command of apk is not carried out: its words are wrong, or what they ask for cannot be tried. */
export type Refusal = 'syntax' | 'other';

/** A command of apk that cannot be carried out. */
export class AppletError extends BuildError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, explanation: Explanation) {
    super(explanation);
    this.name = 'AppletError';
    this.refusal = refusal;
  }
}
