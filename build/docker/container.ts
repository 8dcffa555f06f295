import { isAbsolute, join, relative, resolve } from 'node:path';
import { type Environment, namesSet, PROXY_VARIABLES } from '../process/environment.ts';
import { logInFile, REMOTE_CACHE_PATHS, REMOTE_CACHE_VARIABLES } from '../remote-cache/settings.ts';

/** The Node that runs the toolchain inside, in the project. */
export const NODE = 'node_modules/.bin/node';

/** Variables a command obeys, passed on by name besides those of proxies: how to draw, that it is CI, npm's registry. */
const PASSED_VARIABLES = [
  'CI',
  'FORCE_COLOR',
  'NO_COLOR',
  'NODE_EXTRA_CA_CERTS',
  'TERM',
  'npm_config_registry',
] as const;

/**
 * Settings of the host that decide where packages come from and whom to trust for them, if they are there: apt's
 * sources, proxies and keys, and the certificate authorities.
 */
const HOST_SETTINGS = ['/etc/apt', '/etc/ssl/certs/ca-certificates.crt'] as const;

/** What of the host a container depends on. */
export interface HostFacts {
  /** Folder that the command is called in: relative paths start there. */
  folder: string;
  /** Folder of the project. */
  project: string;
  /** Folder that `node_modules` of the project really is. */
  nodeModules: string;
  /** Root of the cache. */
  cache: string;
  /** Who calls; files are written as this user. */
  user: { uid: number; gid: number };
  /** Whether the daemon runs without root; its containers' root is then the user it belongs to. */
  rootless: boolean;
  /** Whether standard input, output and errors are a terminal. */
  terminal: boolean;
  environment: Environment;
  /** Whether there is something to read at a path. */
  exists: (path: string) => boolean;
}

/** A command line of `qx-build`, and what it needs of the host's files; relative paths start where it is called. */
export interface ContainerCommand {
  line: readonly string[];
  paths: {
    /** Files and folders that it reads. */
    reads: readonly string[];
    /** Folders that it writes into. */
    writes: readonly string[];
  };
}

/** What to run, and how. */
export interface ContainerRequest {
  /** Name of the image. */
  image: string;
  /** Name for the container, by which it can be ended. */
  name: string;
  command: ContainerCommand;
  /** Further flags of `docker run`; they win over ours. */
  flags: readonly string[];
}

/**
 * Arguments of `docker` that run a command of the toolchain in the builder image: as the calling user, with no
 * privileges and a root filesystem that cannot be written, with the project, the cache and all that the command names at
 * the paths they have on the host, so that records and messages say the same inside and outside.
 */
export function containerArguments(
  { image, name, command, flags }: ContainerRequest,
  host: HostFacts,
): string[] {
  const writable = writableFolders(host, command.paths.writes);
  const variables = namesSet(
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
 * Folders to be written into: project, cache, and those that the command names, each only if it lies in none of the
 * others. They must be there before the container is made, or Docker makes them as root.
 */
export function writableFolders(host: HostFacts, named: readonly string[]): string[] {
  const { project, cache, folder } = host;
  return outermost([project, cache, ...named.map((path) => resolve(folder, path))]);
}

/** Keys, certificates and log-ins for the remote cache. */
function remoteCachePaths(host: HostFacts): string[] {
  const { environment } = host;
  const named = namesSet(REMOTE_CACHE_PATHS, environment).map((name) => `${environment[name]}`);
  return [...named, ...logIns(host)];
}

/** The file with log-ins, if the remote cache may ask for one. Inside, the home of the caller is another one. */
function logIns({ environment, folder, exists }: HostFacts): string[] {
  if (namesSet(['QUANTIX_REMOTE_CACHE'], environment).length === 0) return [];
  return [resolve(folder, logInFile(environment))].filter(exists);
}

/**
 * What is only read: the project's `node_modules` where it is a link to elsewhere, settings of the host, the folder that the
 * command is called in, and what it names, such as a mirror and keys.
 */
function readOnlyPaths(
  { project, folder, nodeModules, environment, exists }: HostFacts,
  { named, writable }: { named: readonly string[]; writable: readonly string[] },
): string[] {
  const authorities = environment.NODE_EXTRA_CA_CERTS ?? '';
  const settings = [...HOST_SETTINGS, ...(isAbsolute(authorities) ? [authorities] : [])];
  const modules = isWithin(nodeModules, project) ? [] : [nodeModules];
  // A folder around a mounted one is there because of that.
  const called = writable.some((path) => isWithin(path, folder)) ? [] : [folder];
  const elsewhere = outermost([...called, ...named.map((path) => resolve(folder, path))]).filter(
    (path) => !writable.some((other) => isWithin(path, other)),
  );
  return [...modules, ...new Set([...settings, ...elsewhere].filter(exists))];
}

/** Root keeps the right to write into a project of somebody else's, as it has outside; nobody has any other right. */
function identity({ user, rootless }: HostFacts): string[] {
  const { uid, gid } = rootless ? { uid: 0, gid: 0 } : user;
  const rights = uid === 0 ? ['--cap-add=DAC_OVERRIDE'] : [];
  return [`--user=${uid}:${gid}`, '--cap-drop=ALL', ...rights];
}

/** A mount of a path of the host at the same path; a field of CSV, as `--mount` is read, since a path may have commas. */
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
