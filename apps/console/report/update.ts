import type { UpdateStatus } from '../../api/update.ts';
import { formatUtcMinute } from '../../text/age.ts';
import { formatPercent } from '../../text/amount.ts';
import { createRows, type Row } from './row.ts';

const RESULTS = {
  confirmed: 'is confirmed',
  'taken-back': 'was taken back',
  'not-tried': 'was not tried',
} as const;

const STATES = {
  live: 'runs from its medium',
  good: 'confirmed',
  trial: 'on trial, and not confirmed yet',
  refused: 'nothing can be updated',
} as const;

/** Describes everything known about a machine's updates. */
export function updateRows(status: UpdateStatus): Row[] {
  const { version, booted, state, problem, slots, server, channel, floor, keys } = status;
  const where = booted === null ? '' : `, slot ${booted.toUpperCase()}`;
  return [
    ...createRows('Runs', [`${version}${where}: ${STATES[state]}`]),
    ...createRows('Attention', problem === null ? [] : [problem]),
    ...slots.flatMap((slot) =>
      createRows(`Slot ${slot.slot.toUpperCase()}`, [slotText(slot, status)]),
    ),
    ...createRows('Being brought', stagingTexts(status)),
    ...createRows('Last update', lastTexts(status)),
    ...createRows('Server', [`${server ?? 'none'}, channel ${channel}`]),
    ...createRows('Refused', floor > 0 ? [`releases with a serial below ${floor}`] : []),
    ...createRows(
      'Keys',
      keys.length > 0 ? [keys.join(', ')] : ['none is in this image: no release is taken'],
    ),
  ];
}

/** Describes what needs attention: a version on trial, or one that was rolled back. */
export function updateTexts(status: UpdateStatus): string[] {
  const { version, state, problem, last } = status;
  if (state === 'trial') return [`${version} is on trial, and not confirmed yet`];
  if (state === 'refused' && problem !== null) return [problem];
  if (last === null || last.result === 'confirmed') return [];
  return [`${last.version} ${RESULTS[last.result]}: System, Update shows why`];
}

function slotText(
  { slot, version, serial, good }: UpdateStatus['slots'][number],
  { booted, trial }: UpdateStatus,
): string {
  if (version === null) return 'no whole image';
  return [
    version,
    ...(serial === null ? ['without a release'] : [`serial ${serial}`]),
    ...(slot === booted ? ['runs'] : []),
    ...(good ? ['confirmed'] : []),
    ...(trial?.slot === slot ? [`on trial, boots left: ${trial.left}`] : []),
  ].join(', ');
}

function stagingTexts({ staging }: UpdateStatus): string[] {
  if (staging === null) return [];
  const share = formatPercent(staging.done / staging.bytes);
  const { version, running, problem } = staging;
  if (!running) return [`${version} stopped at ${share}: ${problem ?? 'it was ended'}`];
  return [`${version}, ${share}`, ...(problem === null ? [] : [problem])];
}

function lastTexts({ last }: UpdateStatus): string[] {
  if (last === null) return ['none'];
  return [`${last.version} ${RESULTS[last.result]}, ${formatUtcMinute(last.at)}`, ...last.reasons];
}
