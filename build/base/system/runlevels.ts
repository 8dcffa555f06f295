import { BuildError } from '../../error.ts';
import type { Profile } from '../../profile/profile.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generatedLink } from './generated.ts';

/**
 * Links that put OpenRC's services into their runlevels. Those of `boot` are in `default` too, and init starts only that:
 * OpenRC waits for a runlevel to end before it begins the next, and so all of them start side by side. Beside the installer
 * those of `boot` alone are started.
 * @throws BuildError naming a service that no package and no overlay has
 */
export function runlevelLinks(tree: Tree, { runlevels }: Pick<Profile, 'runlevels'>): Entry[] {
  const started = { ...runlevels, default: [...runlevels.boot, ...runlevels.default] };
  return Object.entries(started).flatMap(([level, services]) =>
    services.map((service) => {
      if (tree.file(`etc/init.d/${service}`) === undefined) {
        throw new BuildError({
          what: `there is no service ${service}: neither a package nor an overlay has /etc/init.d/${service}`,
          where: `runlevels.${level} of the profile`,
        });
      }
      return generatedLink(`etc/runlevels/${level}/${service}`, `/etc/init.d/${service}`);
    }),
  );
}
