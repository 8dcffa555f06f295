import { createHash } from 'node:crypto';
import { type Environment, listSetNames, PROXY_VARIABLES } from '../process/environment.ts';

/** Default base image of the builder image; the Dockerfile has the same default. */
export const DEFAULT_BASE_IMAGE = 'debian:trixie-slim';

/** Days after which the builder image is rebuilt, so that its tools get the distribution's fixes. */
const FRESH_DAYS = 30;

/** Flags of `docker build` that request a new image. */
const ASKS_FOR_NEW = ['--pull', '--no-cache'];

/**
 * Whether the builder image has to be built.
 * @param built when it was built; `undefined` if there is none
 * @param flags additional flags of `docker build`
 */
export function needsBuilding(
  built: Date | undefined,
  { now, flags }: { now: Date; flags: readonly string[] },
): boolean {
  if (built === undefined || flags.some((flag) => ASKS_FOR_NEW.includes(flag))) return true;
  return countDays(built, now) >= FRESH_DAYS;
}

/** Returns the number of whole days from one time to a later one. */
export function countDays(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / 86_400_000);
}

/**
 * Returns the name of the builder image. It depends on the Dockerfile and the base image's name.
 * @param dockerfile text of the Dockerfile
 * @param baseImage name of the base image for `FROM`
 */
export function makeImageTag(dockerfile: string, baseImage: string): string {
  const hash = createHash('sha256').update(`${baseImage}\0${dockerfile}`).digest('hex');
  return `quantix-builder:${hash.slice(0, 12)}`;
}

/**
 * Returns the arguments of `docker` that build the builder image from a Dockerfile on standard input, without a
 * context. A proxy is passed on by the name of its variable, so that no process list shows a password in it.
 * @param refresh runs all commands again, even if Docker has cached their results
 * @param flags additional flags of `docker build`, which override the builder's
 */
export function makeImageArguments({
  tag,
  baseImage,
  environment,
  refresh,
  flags,
}: {
  tag: string;
  baseImage: string;
  environment: Environment;
  refresh: boolean;
  flags: readonly string[];
}): string[] {
  const proxies = listSetNames(PROXY_VARIABLES, environment).map((name) => `--build-arg=${name}`);
  return [
    'build',
    `--tag=${tag}`,
    `--build-arg=BASE_IMAGE=${baseImage}`,
    ...proxies,
    ...(refresh ? ['--no-cache'] : []),
    ...flags,
    '-',
  ];
}
