import { collectValues, type Values, wordValue } from './shell-values.ts';

/** What can be told of an OpenRC service script without running it (openrc-run(8)). */
export interface Service {
  name: string;
  /** Services, or names that services provide, without which it does not start. */
  needs: string[];
  /** Further names it answers to. */
  provides: string[];
  /** The program it runs, if that is certain. */
  command: string | undefined;
}

/** The texts a service is made of. */
export interface ServiceText {
  /** File name in `/etc/init.d`. */
  name: string;
  script: string;
  /** `/etc/conf.d/<name>`, which OpenRC reads first; empty if there is none. */
  configuration: string;
}

/** Reads a service script; what only a shell could tell is left out. */
export function parseService({ name, script, configuration }: ServiceText): Service {
  const values: Values = new Map([
    ['RC_SVCNAME', name],
    ['SVCNAME', name],
  ]);
  collectValues(logicalLines(configuration), values);
  const lines = logicalLines(script);
  collectValues(lines, values);
  const service: Service = { name, needs: [], provides: [], command: values.get('command') };
  for (const statement of dependStatements(lines)) {
    const [verb, ...words] = statement.split(/\s+/);
    if (verb === 'need') service.needs.push(...known(words, values));
    if (verb === 'provide') service.provides.push(...known(words, values));
  }
  service.needs.push(...(values.get('rc_need') ?? '').split(/\s+/).filter(isName));
  service.provides.push(...(values.get('rc_provide') ?? '').split(/\s+/).filter(isName));
  return service;
}

/** Lines with their continuations joined, without full-line comments. */
function logicalLines(text: string): string[] {
  return text
    .replaceAll('\r', '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => !/^\s*#/.test(line));
}

/** The statements of `depend()` that are executed in any case: none within `if`, `case`, a loop, `&&` or `||`. */
function dependStatements(lines: readonly string[]): string[] {
  const start = lines.findIndex((line) => /^depend\s*\(\)/.test(line));
  if (start < 0) return [];
  const statements: string[] = [];
  let depth = 0;
  for (const line of lines.slice(start)) {
    const body = line.replace(/^depend\s*\(\)\s*\{?/, '').replace(/\s#.*$/, '');
    for (const part of body.replace(/\}\s*$/, '').split(';')) {
      const statement = part.trim();
      if (/^(if|case|for|while|until)\b/.test(statement)) depth += 1;
      else if (/^(fi|esac|done)\b/.test(statement)) depth -= 1;
      else if (depth === 0 && statement !== '' && !/&&|\|\|/.test(statement))
        statements.push(statement);
    }
    if (/^\}|\}\s*$/.test(body) && depth <= 0) break;
  }
  return statements;
}

function known(words: readonly string[], values: Values): string[] {
  return words.flatMap((word) => (wordValue(word, values) ?? '').split(/\s+/)).filter(isName);
}

function isName(word: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.:+-]*$/.test(word);
}
