/** The project's version, put in when the programs are bundled. */
declare const QUANTIX_VERSION: string;

/** Version of the programs: `0.1.0`; `source` where they run from their source, unbundled. */
export const VERSION: string = typeof QUANTIX_VERSION === 'string' ? QUANTIX_VERSION : 'source';
