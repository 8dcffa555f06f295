/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables by which programs find their proxy. */
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

/** The language, time zone and sort order of every child, so that its output does not depend on the host's. */
const LANGUAGE = { LC_ALL: 'C.UTF-8', TZ: 'UTC' } as const;

/**
 * The defaults of mtools (mtools(5)), spelled out: a variable outranks the configuration files, which mtools reads in
 * `/etc` whatever it is told. `MTOOLS_SKIP_CHECK` set to 1 would turn on `MTOOLS_FAT_COMPATIBILITY` too.
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

/** Variables of the caller that children get besides the proxies: where programs are, where scratch files go. */
const INHERITED = ['PATH', 'TMPDIR'] as const;

/**
 * The environment of the tools that make an image: small and fixed, so that nothing the caller has set, and no
 * configuration file in a home directory, shapes what they write.
 */
export function isolatedEnvironment(caller: Environment = process.env): Environment {
  const inherited = namesSet(INHERITED, caller).map((name) => [name, caller[name]] as const);
  return {
    ...Object.fromEntries(inherited),
    ...proxyVariables(caller),
    // Not a folder that is missing: root's tools would make it.
    HOME: '/dev/null',
    ...MTOOLS,
    ...LANGUAGE,
  };
}

/**
 * The proxies that the caller names, in the one form that apt and Node both read: variables in lower case, which win
 * over those in upper case, and addresses with a scheme. `all_proxy` counts where there is no other.
 */
export function proxyVariables(caller: Environment = process.env): Record<string, string> {
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
 * The environment of programs that act for the caller rather than make an image: Docker, the host's own apt, QEMU in
 * a window. All of the caller's, except for the language.
 */
export function callerEnvironment(caller: Environment = process.env): Environment {
  return { ...caller, ...LANGUAGE };
}

/** Those of the names whose variables are set and not empty. */
export function namesSet<Name extends string>(
  names: readonly Name[],
  environment: Environment,
): Name[] {
  return names.filter((name) => (environment[name] ?? '') !== '');
}

/**
 * Whether this process really is root. Under fakeroot it only looks so, and its children, which do not inherit
 * fakeroot, are the caller.
 */
export function isRoot(environment: Environment = process.env): boolean {
  return process.getuid?.() === 0 && environment.FAKEROOTKEY === undefined;
}
