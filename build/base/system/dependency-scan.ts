import { BuildError } from '../../error.ts';
import { type Dependency, isServiceScript, parseService } from '../../openrc/service.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generateFile } from './generated.ts';

/** Possible paths of OpenRC's gendepends.sh, whose output librc parses; the path differs per base. */
const SCRIPTS = ['lib/rc/sh/gendepends.sh', 'usr/libexec/rc/sh/gendepends.sh'];

/** Words of `depend()` → words that librc reads. */
const WORDS: Readonly<Record<Dependency['verb'], string>> = {
  after: 'iafter',
  before: 'ibefore',
  config: 'config',
  keyword: 'keyword',
  need: 'ineed',
  provide: 'iprovide',
  use: 'iuse',
  want: 'iwant',
};

/**
 * Runs OpenRC's dependency scan at build time. At each boot, OpenRC would run every service script in a separate shell
 * for this scan; the script that does so is replaced by a script that prints the result.
 * @throws BuildError if there is no OpenRC, or a service script cannot be parsed without running it
 */
export function scanDependencies(tree: Tree): Entry {
  const lines = tree.names('etc/init.d').flatMap((name) => {
    const script = tree.text(`etc/init.d/${name}`) ?? '';
    if (!isServiceScript(script)) return [];
    const { dependencies } = parseService(name, script);
    return [
      name,
      ...dependencies.map(({ verb, names }) => `${name} ${WORDS[verb]} ${names.join(' ')}`),
    ];
  });
  const text = `#!/bin/sh\n# What the services of this image depend on, scanned when it was built.\ncat <<'END'\n${lines.join('\n')}\nEND\n`;
  const script = SCRIPTS.find((path) => tree.file(path) !== undefined);
  if (script !== undefined) return generateFile(script, text, 0o755);
  throw new BuildError({
    what: `there is no OpenRC: none of ${SCRIPTS.map((path) => `/${path}`).join(', ')}`,
    fix: 'Add openrc to the packages of the profile.',
  });
}
