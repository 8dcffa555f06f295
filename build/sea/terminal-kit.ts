import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';
import { BuildError } from '../error.ts';

/** Terminals that the programs may be run on; any other is served as an `xterm.generic`. */
const TERMINALS = [
  'linux.js',
  'xterm.generic.js',
  'xterm.js',
  'xterm-256color.generic.js',
  'xterm-256color.js',
];

/**
 * Makes terminal-kit fit into a bundle: it names modules at run time, which a bundler cannot follow. Its lazy
 * properties become functions that name their module; of its descriptions of terminals only those of `TERMINALS`
 * are taken, and the library falls back to its generic one for others, as it does for files that are not there.
 */
export const terminalKit: Plugin = {
  name: 'terminal-kit',
  setup: (build) => {
    build.onLoad({ filter: /\/terminal-kit\/lib\/termkit\.js$/ }, async ({ path }) => ({
      contents: withNamedModules(await readFile(path, 'utf8'), path),
    }));
    build.onLoad({ filter: /\/terminal-kit\/lib\/Terminal\.js$/ }, async ({ path }) => ({
      contents: withNamedTerminals(await readFile(path, 'utf8'), path),
    }));
  },
};

/** The source of `termkit.js` with `lazy.requireProperty('x', './x.js')` as `lazy.property('x', () => require('./x.js'))`. */
export function withNamedModules(source: string, path: string): string {
  const named = source
    // Whether it runs in a browser is asked of `require.cache`, which a single executable has not.
    .replace(/\bif\s*\(\s*process\.browser\b[^{]*\{/, 'if (false) {')
    .replace(
      /\blazy\.requireProperty\(\s*termkit\s*,\s*'(\w+)'\s*,\s*('[\w./-]+')\s*\)/g,
      'lazy.property(termkit, "$1", () => require($2))',
    )
    .replace(/\blazy\.requireProperties\(([\s\S]*?)\}\s*\)/g, (call) =>
      call
        .replace('requireProperties', 'properties')
        .replace(/:\s*('[\w./-]+')/g, ': () => require($1)'),
    );
  if (named === source || /\blazy\.require|\brequire\.cache/.test(named)) throw changed(path);
  return named;
}

/** The source of `Terminal.js` with its look-up of a terminal's description by file name as a table. */
export function withNamedTerminals(source: string, path: string): string {
  const cases = TERMINALS.map((file) => `case '${file}': return require('./termconfig/${file}');`);
  const table = `
function requireTerminal(file) {
  switch (file) {
    ${cases.join('\n    ')}
    default: throw new Error('no description of this terminal: ' + file);
  }
}`;
  const look = /\brequire\(\s*'\.\/termconfig\/'\s*\+\s*term\.termconfigFile\s*\)/g;
  const named = source.replace(look, 'requireTerminal(term.termconfigFile)');
  if (named === source) throw changed(path);
  return named + table;
}

function changed(path: string): BuildError {
  return new BuildError({
    what: 'terminal-kit is written otherwise than build/sea/terminal-kit.ts expects',
    where: path,
    fix: 'Adapt it to this version of terminal-kit.',
  });
}
