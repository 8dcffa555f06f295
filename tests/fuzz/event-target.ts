import { annotate } from '../../tasks/annotate.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const LINES = Buffer.from(
  [
    '{"event":"error","message":"x\\n::a::b","file":"profiles/a,b.ts","line":3,"column":5}',
    '{"event":"note","text":"one\\n ::error::two\\n##[error]three"}',
    '{"event":"done","image":"qvdc","step":"iso","cached":true,"seconds":1.5}',
    '{"event":"built","file":"dist/a.iso","size":7,"sha256":"00"}',
    '::stop-commands::c',
    ' ##[command]d',
  ].join('\n'),
);

/** The only commands for GitHub: an annotation alone on its line. */
const ANNOTATION = /^::(?:error|warning) [^\n\r:]*::[^\n\r]*$/;

/** Events of a build: whatever they contain, the only commands for GitHub are the annotations made from them. */
export const events: Target = {
  name: 'events',
  async once(random) {
    const lines = mutate(LINES, random).toString('utf8').split('\n');
    const said: string[] = [];
    const output = {
      json: false,
      interactive: false,
      say: (line: string) => void said.push(line),
      emit() {},
    };
    await annotate(each(lines), { github: true }, output);
    for (const line of said.join('\n').split('\n')) {
      const obeyed = /^\s*::/.test(line) || line.includes('##[');
      if (obeyed && !ANNOTATION.test(line)) throw new Error(`GitHub would obey ${line}`);
    }
  },
};

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
