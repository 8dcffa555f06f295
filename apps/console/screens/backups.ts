import type { Backups } from '../../api/backups.ts';
import { formatAge, formatUtcMinute } from '../../text/age.ts';
import { requestChange } from '../change.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { wrap } from '../kit/text.ts';
import type { Row } from '../report/row.ts';
import type { Screen, State, Step } from '../state.ts';
import { stay } from '../steps.ts';
import { type Body, createBody, explainMissing, formatRows } from './body.ts';

const TITLE = 'Backups';

/** Width of the labels, in cells. */
const LABELS = 12;

/** Screen with the control plane's last backup. */
export const BACKUPS: Screen = {
  facts: ['backups'],
  takesText: false,
  view: viewBackups,
  onKey: onBackupsKey,
};

function onBackupsKey(state: State, key: Key): Step {
  if (getLetter(key) !== 'm' || state.facts.backups.value?.hasPassphrase !== true)
    return stay(state);
  return requestChange(state, {
    title: 'Making a backup, and restoring it into a scratch database',
    facts: ['backups'],
    leads: 'stay',
    run: async (deps, signal) => {
      const { newest, folder } = await deps.makeBackup(signal);
      return `${newest?.name ?? 'The backup'} is in ${folder}. Copy it to another machine.`;
    },
  });
}

function viewBackups({ facts, now }: State, { columns }: Size): Body {
  const { value, problem } = facts.backups;
  if (value === null) {
    const text = explainMissing('The control plane is being asked', problem);
    return createBody(TITLE, 'Esc Back', wrap(text, columns).map(line));
  }
  const keys = value.hasPassphrase ? 'm Make one now   Esc Back' : 'Esc Back';
  const hint = value.hasPassphrase
    ? 'A backup cannot be used without its passphrase, and is lost with this disk: keep copies of both elsewhere.'
    : 'Without a passphrase no backup is made: write one to /quantix/vdc/backup.passphrase in a shell, and restart the service qx-controlplane.';
  return createBody(TITLE, keys, [
    ...formatRows(rowsOf(value, now), columns, LABELS),
    line(''),
    ...wrap(hint, columns).map(line),
  ]);
}

function rowsOf({ newest, folder, problem, at }: Backups, now: number): Row[] {
  return [
    { label: 'Last', text: newest === null ? 'none' : newest.name },
    ...(newest === null
      ? []
      : [
          {
            label: 'Made',
            text: `${formatUtcMinute(newest.madeAt)}, ${formatAge(Date.parse(newest.madeAt), now)}`,
          },
          { label: 'Verified', text: 'yes: it was restored once into a scratch database' },
        ]),
    { label: 'Folder', text: folder },
    { label: 'Each day', text: `at ${at} UTC` },
    ...(problem === null ? [] : [{ label: 'Problem', text: problem }]),
  ];
}
