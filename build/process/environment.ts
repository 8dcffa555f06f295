/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that name proxies. */
export const PROXY_VARIABLES = [
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
] as const;

/** Language, time zone and sort order of every child, so that its output does not depend on those of the host. */
const LANGUAGE = { LC_ALL: 'C.UTF-8', TZ: 'UTC' } as const;

/**
 * The defaults of mtools (mtools(5)), written out: variables override the configuration files in `/etc`, which mtools
 * always reads. `MTOOLS_SKIP_CHECK=1` would also turn on `MTOOLS_FAT_COMPATIBILITY`.
 */
const MTOOLS = {
  DEFAULT_CODEPAGE: '850',
  MTOOLSRC: '/dev/null',
  MTOOLS_DOTTED_DIR: '0',
  MTOOLS_FAT_COMPATIBILITY: '0',
  MTOOLS_LOWER_CASE: '0',
  MTOOLS_NAME_NUMERIC_TAIL: '1',
  MTOOLS_NFATS: '2',
  MTOOLS_NO_VFAT: '0',
  MTOOLS_SKIP_CHECK: '0',
  MTOOLS_USE_XDF: '0',
} as const;

/** Variables of the caller that children inherit in addition to proxies: search path and scratch folder. */
const INHERITED = ['PATH', 'TMPDIR'] as const;

/**
 * Returns the environment of the tools that make an image: small and fixed, so that neither the caller's variables nor
 * configuration files in the home directory affect their output.
 */
export function makeIsolatedEnvironment(caller: Environment = process.env): Environment {
  const inherited = listSetNames(INHERITED, caller).map((name) => [name, caller[name]] as const);
  return {
    ...Object.fromEntries(inherited),
    ...selectProxyVariables(caller),
    // `/dev/null` instead of a missing folder, because some tools would create a missing folder when run by root.
    HOME: '/dev/null',
    ...MTOOLS,
    ...LANGUAGE,
  };
}

/**
 * Returns the caller's proxies in the form that both apt and Node read: variables in lower case, which override those
 * in upper case, and addresses with a scheme. `all_proxy` is used where no other is set.
 */
export function selectProxyVariables(caller: Environment = process.env): Record<string, string> {
  const find = (name: string) => caller[name] || caller[name.toUpperCase()] || undefined;
  const address = (proxy: string) => (proxy.includes('://') ? proxy : `http://${proxy}`);
  const variables: Record<string, string> = {};
  for (const name of ['http_proxy', 'https_proxy']) {
    const proxy = find(name) ?? find('all_proxy');
    if (proxy !== undefined) variables[name] = address(proxy);
  }
  const exceptions = find('no_proxy');
  return exceptions === undefined ? variables : { ...variables, no_proxy: exceptions };
}

/**
 * Returns the environment of programs that act for the caller rather than make an image, such as Docker, the host's
 * apt, or QEMU in a window: that of the caller, except for the variables in `LANGUAGE`.
 */
export function makeCallerEnvironment(caller: Environment = process.env): Environment {
  return { ...caller, ...LANGUAGE };
}

/** Returns the names whose variables are set and not empty. */
export function listSetNames<Name extends string>(
  names: readonly Name[],
  environment: Environment,
): Name[] {
  return names.filter((name) => (environment[name] ?? '') !== '');
}

/**
 * Whether this process is really root. Under fakeroot, it only appears to be root, and children that do not inherit
 * fakeroot run as the caller.
 */
export function isRoot(environment: Environment = process.env): boolean {
  return process.getuid?.() === 0 && environment.FAKEROOTKEY === undefined;
}
