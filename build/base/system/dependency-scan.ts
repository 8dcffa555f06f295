import { BuildError } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generatedFile } from './generated.ts';

/** OpenRC's script that lists what services depend on; it prints what its library reads. Its place is the base's. */
const SCRIPTS = ['lib/rc/sh/gendepends.sh', 'usr/libexec/rc/sh/gendepends.sh'];

/** Words of `depend()` (openrc-run(8)) → words that OpenRC's library reads. */
const VERBS: Readonly<Record<string, string>> = {
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
 * OpenRC's dependency scan, done now instead of at every boot, where it would run each service script in a shell
 * of its own: the script that does it is replaced by one that prints the result.
 * @throws BuildError if there is no OpenRC, or a `depend()` holds more than plain words, which only a shell could
 *   tell, or is written in another style
 */
export function dependencyScan(tree: Tree): Entry {
  const lines = tree.names('etc/init.d').flatMap((service) => {
    const script = tree.text(`etc/init.d/${service}`) ?? '';
    return /^#!.*openrc-run/.test(script) ? [service, ...dependencies(service, script)] : [];
  });
  const text = `#!/bin/sh\n# What the services of this image depend on, scanned when it was built.\ncat <<'END'\n${lines.join('\n')}\nEND\n`;
  const script = SCRIPTS.find((path) => tree.file(path) !== undefined);
  if (script !== undefined) return generatedFile(script, text, 0o755);
  throw new BuildError({
    what: `there is no OpenRC: none of ${SCRIPTS.map((path) => `/${path}`).join(', ')}`,
    fix: 'Add openrc to the packages of the profile.',
  });
}

function dependencies(service: string, script: string): string[] {
  const body = /^depend\(\) \{\n((?:.*\n)*?)\}$/m.exec(script)?.[1];
  if (body === undefined && /^\s*(?:function\s+depend\b|depend\s*\(\s*\))/m.test(script)) {
    throw new BuildError({
      what: 'depend() is not written as the builder reads it',
      where: `/etc/init.d/${service}`,
      fix: 'Write "depend() {", a line for each of its words, and "}" at the beginning of lines.',
    });
  }
  return (body ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, verb = '', names = ''] = /^([a-z]+) ([\w\s.!-]+)$/.exec(line) ?? [];
      const known = VERBS[verb];
      if (known !== undefined) return `${service} ${known} ${names}`;
      throw new BuildError({
        what: `depend() holds ${JSON.stringify(line)}, which cannot be told without running it`,
        where: `/etc/init.d/${service}`,
        fix: 'Use plain lines such as "need net" there.',
      });
    });
}
