import { createHash } from 'node:crypto';
import { type Environment, namesSet, PROXY_VARIABLES } from '../process/environment.ts';

/** Base image of the builder image where the user names none; the Dockerfile has the same default. */
export const DEFAULT_BASE_IMAGE = 'debian:bookworm-slim';

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
