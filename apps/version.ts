/** The project's version, defined when the programs are bundled. */
declare const QUANTIX_VERSION: string;

/** Version of the programs, such as `0.1.0`; `source` if they run from source, unbundled. */
export const VERSION: string = typeof QUANTIX_VERSION === 'string' ? QUANTIX_VERSION : 'source';
