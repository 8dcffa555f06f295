import { BuildError } from '../../error.ts';
import type { Profile } from '../../profile/profile.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generateLink } from './generated.ts';

/**
 * Links OpenRC's services into their runlevels. The services of `boot` are in `default` too, and init starts only
 * `default`: OpenRC completes one runlevel before it begins the next, so this way all services start in parallel. While
 * the installer runs, only `boot` is started.
 * @throws BuildError naming a service that neither a package nor an overlay has
 */
export function makeRunlevelLinks(tree: Tree, { runlevels }: Pick<Profile, 'runlevels'>): Entry[] {
  const started = { ...runlevels, default: [...runlevels.boot, ...runlevels.default] };
  return Object.entries(started).flatMap(([level, services]) =>
    services.map((service) => {
      if (tree.file(`etc/init.d/${service}`) === undefined) {
        throw new BuildError({
          what: `there is no service ${service}: neither a package nor an overlay has /etc/init.d/${service}`,
          where: `runlevels.${level} of the profile`,
        });
      }
      return generateLink(`etc/runlevels/${level}/${service}`, `/etc/init.d/${service}`);
    }),
  );
}
