import { explainPlan } from '../build/image/explain.ts';
import { type ImageOptions, prepareImage } from '../build/image/prepare.ts';
import { readRecord } from '../build/image/record.ts';
import type { InputChange } from '../build/step/step.ts';
import type { Output } from './ui/events.ts';

/** Changes shown of one step; the rest is counted. */
const MOST_SHOWN = 20;

/** Says of each step of an image whether it would run, and because of which inputs. */
export async function explainImage(
  name: string,
  options: ImageOptions,
  output: Output,
): Promise<void> {
  const { plan, file } = await prepareImage(name, options);
  const last = readRecord(options.cache, file);
  for (const { step, runs, changes } of explainPlan(plan, last)) {
    const because = last === undefined ? ['it was never built here'] : changes.map(describe);
    if (output.json) {
      output.emit({ event: 'explain', image: name, step, runs, because: runs ? because : [] });
      continue;
    }
    output.say(`${name} ${step}: ${runs ? 'runs' : 'stays'}`);
    if (!runs) continue;
    for (const line of because.slice(0, MOST_SHOWN)) output.say(`  ${line}`);
    if (because.length > MOST_SHOWN) output.say(`  and ${because.length - MOST_SHOWN} more`);
  }
}

function describe({ input, change, before, after }: InputChange): string {
  const short = (value: string | number | undefined) => String(value).slice(0, 48);
  if (change === 'added') return `+ ${input}`;
  if (change === 'removed') return `- ${input}`;
  return `${input}: ${short(before)} → ${short(after)}`;
}
