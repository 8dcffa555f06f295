import { parseArgs } from 'node:util';
import { fire } from './target.ts';
import { TARGETS } from './targets.ts';

const { values, positionals } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    from: { type: 'string', default: '0' },
  },
  allowPositionals: true,
});
const chosen = TARGETS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
for (const target of chosen) {
  const started = performance.now();
  const outcome = await fire(target, { from: Number(values.from), runs: Number(values.runs) });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const { runs, accepted, refused, slowest } = outcome;
  console.log(
    `${target.name}: ${runs} runs in ${seconds} s, ${accepted} accepted, ${refused} refused, slowest ${slowest.toFixed(0)} ms`,
  );
}
