import { BuildError } from '../error.ts';

/** Keywords of `depend()` in a service script; openrc-run(8). */
const VERBS = ['after', 'before', 'config', 'keyword', 'need', 'provide', 'use', 'want'] as const;

/** One line of `depend()`. */
export interface Dependency {
  verb: (typeof VERBS)[number];
  /** Names of services; for `config` and `keyword`, other words (see openrc-run(8)). */
  names: string[];
}

/** Properties of an OpenRC service, read from its script. */
export interface Service {
  name: string;
  dependencies: Dependency[];
  /** The program that it runs; absent unless a line begins with `command=` and plain text. */
  command: string | undefined;
}

/** Whether a file is a service script of OpenRC, by its first line. */
export function isServiceScript(text: string): boolean {
  return /^#!.*\bopenrc-run\b/.test(text);
}

/**
 * Parses a service script without running it.
 * @param name file name in `/etc/init.d`
 * @throws BuildError if `depend()` contains more than plain words, which only a shell could evaluate, or is written in
 *   another form
 */
export function parseService(name: string, script: string): Service {
  const dependencies = dependLines(name, script).map((line) => parseDependency(name, line));
  const command = /^command=(["']?)([^\s"'`$\\*?[\]]+)\1[ \t]*(?:#.*)?$/m.exec(script)?.[2];
  return { name, dependencies, command };
}

/** Returns all names in the lines of `depend()` with this keyword. */
export function listNames(verb: Dependency['verb'], { dependencies }: Service): string[] {
  return dependencies.flatMap((dependency) => (dependency.verb === verb ? dependency.names : []));
}

function dependLines(service: string, script: string): string[] {
  const body = /^depend\(\) \{\n((?:.*\n)*?)\}$/m.exec(script)?.[1];
  if (body === undefined && /^\s*(?:function\s+depend\b|depend\s*\(\s*\))/m.test(script)) {
    throw new BuildError({
      what: 'depend() is written in a form that the builder does not read',
      where: `/etc/init.d/${service}`,
      fix: 'Write "depend() {", a line for each of its words, and "}" at the beginning of lines.',
    });
  }
  return (body ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function parseDependency(service: string, line: string): Dependency {
  const [, word = '', names = ''] = /^([a-z]+) ([\w\s.!-]+)$/.exec(line) ?? [];
  const verb = VERBS.find((known) => known === word);
  if (verb !== undefined) return { verb, names: names.trim().split(/\s+/) };
  throw new BuildError({
    what: `depend() holds ${JSON.stringify(line)}, whose result only running it would show`,
    where: `/etc/init.d/${service}`,
    fix: 'Use plain lines such as "need net" there.',
  });
}
