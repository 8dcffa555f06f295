import { isAbsolute, join, relative, resolve } from 'node:path';
import { type Environment, listSetNames, PROXY_VARIABLES } from '../process/environment.ts';
import { logInFile, REMOTE_CACHE_PATHS, REMOTE_CACHE_VARIABLES } from '../remote-cache/settings.ts';

/** The Node that runs the toolchain in the container, relative to the project. */
export const NODE = 'node_modules/.bin/node';

/**
 * Variables passed on by name, in addition to those of proxies and the remote cache: for CI, the terminal, certificate
 * authorities, and npm's registry.
 */
const PASSED_VARIABLES = [
  'CI',
  'FORCE_COLOR',
  'NO_COLOR',
  'NODE_EXTRA_CA_CERTS',
  'TERM',
  'npm_config_registry',
] as const;

/**
 * Settings of the host that determine where packages come from and which keys are trusted, if they exist: apt's
 * sources, proxies and keys, and the certificate authorities.
 */
const HOST_SETTINGS = ['/etc/apt', '/etc/ssl/certs/ca-certificates.crt'] as const;

/** Facts about the host that a container depends on. */
export interface HostFacts {
  /** Working folder of the command; relative paths start there. */
  folder: string;
  /** Folder of the project. */
  project: string;
  /** Real path of the project's `node_modules`. */
  nodeModules: string;
  /** Root of the cache. */
  cache: string;
  /** The calling user, who owns the written files. */
  user: { uid: number; gid: number };
  /** Whether the daemon runs without root; root in a container is then the daemon's user. */
  rootless: boolean;
  /** Whether standard input, output and error are a terminal. */
  terminal: boolean;
  environment: Environment;
  /** Whether a path exists and is readable. */
  exists: (path: string) => boolean;
}

/** A command line of `qx-build`, and the host paths it needs; relative paths start at the working folder. */
export interface ContainerCommand {
  line: readonly string[];
  paths: {
    /** Files and folders that it reads. */
    reads: readonly string[];
    /** Folders that it writes to. */
    writes: readonly string[];
  };
}

/** What to run in a container. */
export interface ContainerRequest {
  /** Name of the image. */
  image: string;
  /** Name of the container, for removing it. */
  name: string;
  command: ContainerCommand;
  /** Additional flags of `docker run`, which override the builder's. */
  flags: readonly string[];
}

/**
 * Returns the arguments of `docker` that run a command of the toolchain in the builder image: as the calling user,
 * without privileges, with a read-only root filesystem. The project, the cache and all paths that the command names are
 * mounted at the same paths as on the host, so that records and messages are the same inside and outside.
 */
export function makeContainerArguments(
  { image, name, command, flags }: ContainerRequest,
  host: HostFacts,
): string[] {
  const writable = listWritableFolders(host, command.paths.writes);
  const variables = listSetNames(
    [...PROXY_VARIABLES, ...PASSED_VARIABLES, ...REMOTE_CACHE_VARIABLES],
    host.environment,
  );
  return [
    'run',
    '--rm',
    '--init',
    `--name=${name}`,
    ...(host.terminal ? ['--interactive', '--tty'] : []),
    ...identity(host),
    '--security-opt=no-new-privileges',
    '--read-only',
    '--tmpfs=/tmp',
    ...writable.map((path) => mount(path)),
    ...readOnlyPaths(host, {
      named: [...command.paths.reads, ...remoteCachePaths(host)],
      writable,
    }).map((path) => `${mount(path)},readonly`),
    `--workdir=${host.folder}`,
    `--env=QUANTIX_CACHE=${host.cache}`,
    '--env=HOME=/tmp',
    ...logIns(host).map((file) => `--env=NETRC=${file}`),
    ...variables.map((variable) => `--env=${variable}`),
    ...flags,
    image,
    join(host.project, NODE),
    join(host.project, 'tasks/qx-build.ts'),
    ...command.line,
  ];
}

/**
 * Lists the folders to mount writable: project, cache, and those that the command names, without folders that are
 * inside another of these. They must exist before the container is created, because Docker would create them as root.
 */
export function listWritableFolders(host: HostFacts, named: readonly string[]): string[] {
  const { project, cache, folder } = host;
  return outermost([project, cache, ...named.map((path) => resolve(folder, path))]);
}

/** Lists the keys, certificates and log-in files for the remote cache. */
function remoteCachePaths(host: HostFacts): string[] {
  const { environment } = host;
  const named = listSetNames(REMOTE_CACHE_PATHS, environment).map((name) => `${environment[name]}`);
  return [...named, ...logIns(host)];
}

/** Returns the log-in file if the remote cache may need it. In the container, the home folder is a different one. */
function logIns({ environment, folder, exists }: HostFacts): string[] {
  if (listSetNames(['QUANTIX_REMOTE_CACHE'], environment).length === 0) return [];
  return [resolve(folder, logInFile(environment))].filter(exists);
}

/**
 * Lists the paths to mount read-only: the project's `node_modules` if it is a link to another place, settings of the
 * host, the working folder, and paths that the command names, such as a mirror and keys.
 */
function readOnlyPaths(
  { project, folder, nodeModules, environment, exists }: HostFacts,
  { named, writable }: { named: readonly string[]; writable: readonly string[] },
): string[] {
  const authorities = environment.NODE_EXTRA_CA_CERTS ?? '';
  const settings = [...HOST_SETTINGS, ...(isAbsolute(authorities) ? [authorities] : [])];
  const modules = isWithin(nodeModules, project) ? [] : [nodeModules];
  // The parents of a mounted folder exist in the container anyway.
  const called = writable.some((path) => isWithin(path, folder)) ? [] : [folder];
  const elsewhere = outermost([...called, ...named.map((path) => resolve(folder, path))]).filter(
    (path) => !writable.some((other) => isWithin(path, other)),
  );
  return [...modules, ...new Set([...settings, ...elsewhere].filter(exists))];
}

/**
 * Returns the flags for user and privileges. Root may write to another user's project, as on the host, and has no other
 * privilege.
 */
function identity({ user, rootless }: HostFacts): string[] {
  const { uid, gid } = rootless ? { uid: 0, gid: 0 } : user;
  const rights = uid === 0 ? ['--cap-add=DAC_OVERRIDE'] : [];
  return [`--user=${uid}:${gid}`, '--cap-drop=ALL', ...rights];
}

/** Mounts a host path at the same path. The value of `--mount` is CSV, so paths with commas are quoted. */
function mount(path: string): string {
  const field = (text: string) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return `--mount=type=bind,${field(`source=${path}`)},${field(`target=${path}`)}`;
}

function outermost(folders: readonly string[]): string[] {
  const unique = [...new Set(folders)];
  return unique.filter(
    (folder) => !unique.some((other) => other !== folder && isWithin(folder, other)),
  );
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}
