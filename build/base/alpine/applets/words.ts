import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { BuildError, type Explanation } from '../../../error.ts';

/** Why a command of apk is refused: its syntax is wrong, or it cannot be tried. */
export type Refusal = 'syntax' | 'other';

/** A command of apk that is refused. */
export class AppletError extends BuildError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, explanation: Explanation) {
    super(explanation);
    this.name = 'AppletError';
    this.refusal = refusal;
  }
}

/** Commands of apk that change the world or bring installed packages in line with it. */
export type AppletName = 'add' | 'del' | 'upgrade' | 'fix';

/** A parsed command line of apk. */
export interface AppletCall {
  readonly applet: AppletName;
  /** What follows the command: names, dependencies or patterns. */
  readonly operands: readonly string[];
  /** Long names of the options that were given. */
  readonly options: ReadonlySet<string>;
  /** The value of `--virtual`. */
  readonly virtual: string | undefined;
}

const FLAG = { type: 'boolean' } as const;
const VALUE = { type: 'string' } as const;
const VALUES = { type: 'string', multiple: true } as const;

/** Options that every command of apk 2.14 has. */
const GLOBAL: ParseArgsOptionsConfig = {
  'allow-untrusted': FLAG,
  arch: VALUE,
  'cache-dir': VALUE,
  'cache-max-age': VALUE,
  'clean-protected': FLAG,
  force: { ...FLAG, short: 'f' },
  'force-binary-stdout': FLAG,
  'force-broken-world': FLAG,
  'force-missing-repositories': FLAG,
  'force-non-repository': FLAG,
  'force-old-apk': FLAG,
  'force-overwrite': FLAG,
  'force-refresh': FLAG,
  help: { ...FLAG, short: 'h' },
  interactive: { ...FLAG, short: 'i' },
  'keys-dir': VALUE,
  'no-cache': FLAG,
  'no-chown': FLAG,
  'no-commit-hooks': FLAG,
  'no-interactive': FLAG,
  'no-logfile': FLAG,
  'no-network': FLAG,
  'no-progress': FLAG,
  'no-scripts': FLAG,
  'overlay-from-stdin': FLAG,
  'preserve-env': FLAG,
  'print-arch': FLAG,
  progress: FLAG,
  'progress-fd': VALUE,
  purge: FLAG,
  quiet: { ...FLAG, short: 'q' },
  'repositories-file': VALUE,
  repository: { ...VALUES, short: 'X' },
  root: { ...VALUE, short: 'p' },
  simulate: { ...FLAG, short: 's' },
  timeout: VALUE,
  'update-cache': { ...FLAG, short: 'U' },
  verbose: { ...FLAG, short: 'v', multiple: true },
  version: { ...FLAG, short: 'V' },
  wait: VALUE,
};

const APPLETS: Readonly<Record<AppletName, ParseArgsOptionsConfig>> = {
  add: {
    initdb: FLAG,
    latest: { ...FLAG, short: 'l' },
    upgrade: { ...FLAG, short: 'u' },
    virtual: { ...VALUE, short: 't' },
  },
  del: { rdepends: { ...FLAG, short: 'r' } },
  upgrade: {
    available: { ...FLAG, short: 'a' },
    ignore: FLAG,
    latest: { ...FLAG, short: 'l' },
    'no-self-upgrade': FLAG,
    prune: FLAG,
    'self-upgrade-only': FLAG,
  },
  fix: {
    depends: { ...FLAG, short: 'd' },
    'directory-permissions': FLAG,
    reinstall: { ...FLAG, short: 'r' },
    upgrade: { ...FLAG, short: 'u' },
    xattr: { ...FLAG, short: 'x' },
  },
};

/**
 * Parses a command line of apk 2.14 (apk(8), apk-add(8) …): a command, its options before or after it,
 * and its operands. Options that only affect printing or unpacking are accepted and ignored.
 * @throws AppletError if there is no such command or option
 */
export function parseWords(words: readonly string[]): AppletCall {
  const applet = words.find(isApplet);
  if (applet === undefined) {
    throw new AppletError('syntax', {
      what: `there is no command of apk in: ${words.join(' ')}`,
      fix: 'Write add, del, upgrade or fix, with its options and names.',
    });
  }
  const { values, positionals } = parsed(words, applet);
  const at = positionals.indexOf(applet);
  const virtual = values.virtual;
  return {
    applet,
    operands: positionals.toSpliced(at, 1).filter((word) => word !== ''),
    options: new Set(Object.keys(values)),
    virtual: typeof virtual === 'string' ? virtual : undefined,
  };
}

function isApplet(word: string): word is AppletName {
  return Object.hasOwn(APPLETS, word);
}

function parsed(words: readonly string[], applet: AppletName) {
  try {
    return parseArgs({
      args: [...words],
      options: { ...GLOBAL, ...APPLETS[applet] },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const what = error.message.split(/[.\n]/)[0] ?? error.message;
    throw new AppletError('syntax', {
      what: what.replace(/^./, (letter) => letter.toLowerCase()),
      where: `apk ${applet}`,
      cause: error,
    });
  }
}
