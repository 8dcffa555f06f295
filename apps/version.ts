/** The project's version, defined when the programs are bundled. */
declare const PROGRAMS_VERSION: string;

/** Version of the programs, such as `0.1.0`; `source` if they run from source, unbundled. */
export const VERSION: string = typeof PROGRAMS_VERSION === 'string' ? PROGRAMS_VERSION : 'source';
