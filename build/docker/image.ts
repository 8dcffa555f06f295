import { createHash } from 'node:crypto';

/** Base image of the builder image where the user names none; the Dockerfile has the same default. */
export const DEFAULT_BASE_IMAGE = 'debian:bookworm-slim';

/** Variables by which programs find their proxy; Docker takes them as build arguments without being told. */
export const PROXY_VARIABLES = [
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
] as const;

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Name of the builder image. It changes when the Dockerfile or the base image's name does, so an image of this name
 * needs no building.
 * @param dockerfile text of the Dockerfile
 * @param baseImage name of the base image, as `FROM` takes it
 */
export function imageTag(dockerfile: string, baseImage: string): string {
  const hash = createHash('sha256').update(`${baseImage}\0${dockerfile}`).digest('hex');
  return `quantix-builder:${hash.slice(0, 12)}`;
}

/**
 * Arguments of `docker` that build the builder image from a Dockerfile on standard input, without a context.
 * A proxy is passed on by the name of its variable, so that a password in it is in no list of processes.
 * @param flags further flags of `docker build`; they win over ours
 */
export function imageArguments({
  tag,
  baseImage,
  environment,
  flags,
}: {
  tag: string;
  baseImage: string;
  environment: Environment;
  flags: readonly string[];
}): string[] {
  const proxies = namesSet(PROXY_VARIABLES, environment).map((name) => `--build-arg=${name}`);
  return [
    'build',
    `--tag=${tag}`,
    `--build-arg=BASE_IMAGE=${baseImage}`,
    ...proxies,
    ...flags,
    '-',
  ];
}

/** Those of the names whose variables are set and not empty. */
export function namesSet(names: readonly string[], environment: Environment): string[] {
  return names.filter((name) => (environment[name] ?? '') !== '');
}
