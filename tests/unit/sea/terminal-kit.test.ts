import { expect, test } from 'vitest';
import { withNamedModules, withNamedTerminals } from '../../../build/sea/terminal-kit.ts';

test('modules that are named at run time become calls that name their module', () => {
  const source = `
if ( process.browser || require.cache[ 'x' ] ) { return ; }
const lazy = require( 'lazyness' )( require ) ;
lazy.requireProperty( termkit , 'tty' , './tty.js' ) ;
lazy.requireProperties( termkit , {
	image: './image.js' ,
	// a comment
	chroma: 'chroma-js'
} ) ;
`;
  const named = withNamedModules(source, 'termkit.js');
  expect(named).toContain(`lazy.property(termkit, "tty", () => require('./tty.js'))`);
  expect(named).toContain(`image: () => require('./image.js')`);
  expect(named).toContain(`chroma: () => require('chroma-js')`);
  expect(named).not.toContain('require.cache');
});

test('a description of a terminal is taken from a table', () => {
  const source = `config = require( './termconfig/' + term.termconfigFile ) ;`;
  const named = withNamedTerminals(source, 'Terminal.js');
  expect(named).toContain('config = requireTerminal(term.termconfigFile)');
  expect(named).toContain(`case 'linux.js': return require('./termconfig/linux.js');`);
});

test.each([
  ['termkit.js', withNamedModules],
  ['Terminal.js', withNamedTerminals],
])('%s that is written otherwise is refused, not bundled as it is', (file, rewrite) => {
  expect(() => rewrite('module.exports = {};', file)).toThrow(/Adapt it to this version/);
});
