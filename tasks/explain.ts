import { explainImage } from '../build/image/explain.ts';
import { type ImageOptions, prepareImage } from '../build/image/prepare.ts';
import { readRecord } from '../build/image/record.ts';
import type { RemoteCache } from '../build/remote-cache/remote-cache.ts';
import { StepCache } from '../build/step/cache.ts';
import type { InputChange } from '../build/step/step.ts';
import type { Output } from './ui/events.ts';

/** Maximum number of changes of a step that are shown; the others are only counted. */
const MOST_SHOWN = 20;

/**
 * Shows for each step of an image whether it would run and because of which inputs, or who made its existing result.
 * @param remote remote cache that is searched for results that the local cache lacks
 */
export async function explainBuild(
  profile: string,
  options: ImageOptions,
  output: Output,
  remote?: RemoteCache | 'forbidden',
): Promise<void> {
  const image = await prepareImage(profile, { ...options, withoutTools: true });
  const { name } = image.facts.profile;
  const last = readRecord(options.cache, image.file);
  const cache = new StepCache(options.cache.steps, remote);
  const explained = await explainImage(image, last, cache, remote);
  for (const { step, runs, origin, comes, changes, lost } of explained) {
    const reasons =
      last === undefined ? ['it was never built here'] : [...changes.map(describe), lost ?? []];
    const because = runs ? reasons.flat() : [];
    output.emit({ event: 'explain', image: name, step, runs, origin, because });
    if (output.json) continue;
    const what = runs ? 'runs' : comes ? 'comes from the remote cache' : 'stays';
    output.say(`${name} ${step}: ${what}${origin === undefined ? '' : `, made by ${origin}`}`);
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
