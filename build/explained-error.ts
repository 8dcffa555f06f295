/** The parts of an error message: what went wrong, where, and how to fix it. */
export interface Explanation {
  /** One clause without a full stop: `package "libvirtt" is unknown`. */
  what: string;
  /** File, key, address, device or package that the error is about. */
  where?: string | undefined;
  /** What the reader can do, as a sentence: `Check the spelling in appliance.ts.` */
  fix?: string | undefined;
  /** The error that caused this one. */
  cause?: unknown;
}

/** An error that is not a bug; its message is one line for the user. */
export class ExplainedError extends Error {
  readonly what: string;
  readonly where: string | undefined;
  readonly fix: string | undefined;

  constructor({ what, where, fix, cause }: Explanation) {
    const place = where === undefined ? '' : ` (${where})`;
    super(`${what}${place}.${fix === undefined ? '' : ` ${fix}`}`, { cause });
    this.name = new.target.name;
    this.what = what;
    this.where = where;
    this.fix = fix;
  }
}
