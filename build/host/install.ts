import { BuildError } from '../error.ts';
import { isRoot } from '../process/environment.ts';
import { listMissing, type Requirement } from './requirements.ts';

const APT = 'apt-get';

/**
 * Makes sure that the host has everything that is required: as root on a Debian host, installs it; otherwise reports
 * what to install.
 * @param say receives one line before something is installed
 * @throws BuildError that names what is missing and the command that installs it
 */
export async function ensureInstalled(
  requirements: readonly Requirement[],
  { say, signal }: { say: (line: string) => void; signal?: AbortSignal | undefined },
): Promise<void> {
  const lacking = listMissing(requirements);
  if (lacking.length === 0) return;
  const packages = [...new Set(lacking.map((one) => one.package))].sort();
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  const names = lacking.map((one) => one.name).join(', ');
  if (lacking.some(({ name }) => name === APT)) {
    throw new BuildError({
      what: `images from Debian need apt, and this host lacks ${names}`,
      fix: 'Build them on Debian or in a builder image of it (DOCKER=1), or build from Alpine: BASE=alpine.',
    });
  }
  if (!isRoot() || listMissing([{ name: APT, package: 'apt' }]).length > 0) {
    throw new BuildError({
      what: `this host lacks ${names}`,
      fix: `As root: ${command}`,
    });
  }
  say(`This host lacks ${names}; installing ${packages.join(', ')}.`);
  // Loaded on use, because hardly any run installs something.
  const { makeCallerShell } = await import('../process/shell.ts');
  const shell = makeCallerShell({ env: { DEBIAN_FRONTEND: 'noninteractive' }, signal });
  await shell`apt-get -qq update && apt-get -qq install --yes --no-install-recommends ${packages}`;
  const still = listMissing(requirements);
  if (still.length === 0) return;
  throw new BuildError({
    what: `${still.map((one) => one.name).join(', ')} is still missing after ${command}`,
    fix: 'See what apt-get says when you run it by hand.',
  });
}
