import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { BuildError, type Explanation } from '../../../error.ts';

/** Why a command of apk is refused: its syntax is wrong, or there is another reason. */
export type Refusal = 'syntax' | 'other';

/** Error for a command of apk that is refused. */
export class AppletError extends BuildError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, explanation: Explanation) {
    super(explanation);
    this.name = 'AppletError';
    this.refusal = refusal;
  }
}

/** Commands of apk that change world, or change the installed packages to match it. */
export type AppletName = 'add' | 'del' | 'upgrade' | 'fix';

/** A parsed command line of apk. */
export interface AppletCall {
  readonly applet: AppletName;
  /** Operands of the command: names, dependencies or patterns. */
  readonly operands: readonly string[];
  /** Long names of the options that were given. */
  readonly options: ReadonlySet<string>;
  /** The value of `--virtual`. */
  readonly virtual: string | undefined;
  /** Values of `--preupgrade-depends`. */
  readonly preupgradeDepends?: readonly string[] | undefined;
}

const FLAG = { type: 'boolean' } as const;
const VALUE = { type: 'string' } as const;
const VALUES = { type: 'string', multiple: true } as const;

/** Options of apk 2.14 and 3 that every command has, in addition to `SWITCHES`. */
const GLOBAL: ParseArgsOptionsConfig = {
  'allow-untrusted': FLAG,
  arch: VALUE,
  'cache-dir': VALUE,
  'cache-max-age': VALUE,
  force: { ...FLAG, short: 'f' },
  'force-binary-stdout': FLAG,
  'force-broken-world': FLAG,
  'force-missing-repositories': FLAG,
  'force-no-chroot': FLAG,
  'force-non-repository': FLAG,
  'force-old-apk': FLAG,
  'force-overwrite': FLAG,
  'force-refresh': FLAG,
  help: { ...FLAG, short: 'h' },
  'initramfs-diskless-boot': FLAG,
  interactive: { ...FLAG, short: 'i' },
  'keys-dir': VALUE,
  'no-chown': FLAG,
  'overlay-from-stdin': FLAG,
  'preupgrade-depends': VALUES,
  'print-arch': FLAG,
  'progress-fd': VALUE,
  quiet: { ...FLAG, short: 'q' },
  'repositories-file': VALUE,
  repository: { ...VALUES, short: 'X' },
  'repository-config': VALUES,
  root: { ...VALUE, short: 'p' },
  simulate: { ...FLAG, short: 's' },
  timeout: VALUE,
  'update-cache': { ...FLAG, short: 'U' },
  'uvol-manager': VALUE,
  verbose: { ...FLAG, short: 'v', multiple: true },
  version: { ...FLAG, short: 'V' },
  wait: VALUE,
};

const YES_OR_NO: readonly string[] = ['yes', 'no'];
const OR_AUTO: readonly string[] = [...YES_OR_NO, 'auto'];

/** Options that the prefix `no-` turns off → the values that they accept after `=` (apk(8) of apk 3). */
const SWITCHES: ReadonlyMap<string, readonly string[]> = new Map([
  ['cache', YES_OR_NO],
  ['cache-packages', YES_OR_NO],
  ['cache-predownload', YES_OR_NO],
  ['check-certificate', YES_OR_NO],
  ['clean-protected', YES_OR_NO],
  ['commit-hooks', YES_OR_NO],
  ['interactive', OR_AUTO],
  ['legacy-info', YES_OR_NO],
  ['logfile', YES_OR_NO],
  ['network', YES_OR_NO],
  ['preserve-env', YES_OR_NO],
  ['pretty-print', OR_AUTO],
  ['progress', OR_AUTO],
  ['purge', YES_OR_NO],
  ['root-tmpfs', OR_AUTO],
  ['scripts', YES_OR_NO],
  ['simulate', YES_OR_NO],
  ['sync', OR_AUTO],
]);

/** Further switches of `upgrade`: two names for the step that upgrades the package manager first. */
const UPGRADE_SWITCHES: typeof SWITCHES = new Map([
  ['preupgrade', YES_OR_NO],
  ['self-upgrade', YES_OR_NO],
]);

const APPLETS: Readonly<Record<AppletName, ParseArgsOptionsConfig>> = {
  add: {
    initdb: FLAG,
    latest: { ...FLAG, short: 'l' },
    upgrade: { ...FLAG, short: 'u' },
    usermode: FLAG,
    virtual: { ...VALUE, short: 't' },
  },
  del: { rdepends: { ...FLAG, short: 'r' } },
  upgrade: {
    available: { ...FLAG, short: 'a' },
    ignore: FLAG,
    latest: { ...FLAG, short: 'l' },
    'preupgrade-only': FLAG,
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
 * Parses a command line of apk 2.14 or 3 (apk(8), apk-add(8) …): a command, its options before or after it,
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
  const { rest, off } = withoutSwitches(words, applet);
  const { values, positionals } = parsed(rest, applet);
  const at = positionals.indexOf(applet);
  const { virtual, 'preupgrade-depends': depends } = values;
  return {
    applet,
    operands: positionals.toSpliced(at, 1).filter((word) => word !== ''),
    options: new Set([...Object.keys(values), ...off]),
    virtual: typeof virtual === 'string' ? virtual : undefined,
    preupgradeDepends: Array.isArray(depends) ? depends.map(String) : [],
  };
}

function isApplet(word: string): word is AppletName {
  return Object.hasOwn(APPLETS, word);
}

const LONG_OPTION = /^--(no-)?([a-z-]+)(?:=(.*))?$/s;

/**
 * Removes the switches from a command line.
 * @returns the other words, and the names of the switches that are off in the end, prefixed with `no-`
 * @throws AppletError if a switch has a value that it does not accept
 */
function withoutSwitches(words: readonly string[], applet: AppletName) {
  const end = words.indexOf('--');
  const [options, operands] = end < 0 ? [words, []] : [words.slice(0, end), words.slice(end)];
  const off = new Set<string>();
  const others = options.filter((word) => {
    const [, no, name = '', value = no === undefined ? 'yes' : 'no'] = LONG_OPTION.exec(word) ?? [];
    const values =
      SWITCHES.get(name) ?? (applet === 'upgrade' ? UPGRADE_SWITCHES.get(name) : undefined);
    if (values === undefined) return true;
    if (!values.includes(value) || (no !== undefined && word.includes('='))) {
      throw new AppletError('syntax', {
        what: `${word} has a value that it cannot have`,
        where: `apk ${applet}`,
        fix: `Write --${name}, --no-${name} or --${name}=${values.join('|')}.`,
      });
    }
    if (value === 'no') off.add(`no-${name}`);
    else off.delete(`no-${name}`);
    return false;
  });
  return { rest: [...others, ...operands], off };
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
