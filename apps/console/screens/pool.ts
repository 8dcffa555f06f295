import type { PoolRequest } from '../../api/storage.ts';
import { requestChange } from '../change.ts';
import { createChoiceField, createTextField, type Fields, type Values } from '../kit/field.ts';
import type { Screen } from '../state.ts';
import { createFormScreen } from './form.ts';

type Name = 'name' | 'kind' | 'place' | 'serial';
type Action = PoolRequest['action'];

const PURPOSE: Readonly<Record<Action, readonly string[]>> = {
  create: ['A new storage pool. To overwrite a disk that is not empty, type its serial number.'],
  import: ['Adds existing storage as a pool. Its data is not changed.'],
};

/** Pattern of the place for each kind of pool, and the message if it does not match. */
const PLACES: Readonly<Record<string, { pattern: RegExp; problem: string }>> = {
  disk: { pattern: /^\/dev\/[A-Za-z0-9][A-Za-z0-9_/-]*$/, problem: 'A disk, such as /dev/sdb.' },
  lvm: { pattern: /^\/dev\/[A-Za-z0-9][A-Za-z0-9_/-]*$/, problem: 'A disk, such as /dev/sdb.' },
  directory: { pattern: /^\/[^\0]+$/, problem: 'A folder, such as /data/isos.' },
  nfs: { pattern: /^\S+:\/\S*$/, problem: 'An export, such as nas.example:/pool.' },
};

/** Creates the form for a pool to create or import. */
export function createPoolScreen(action: Action): Screen {
  return createFormScreen<Name>(
    {
      title: action === 'create' ? 'New storage pool' : 'Import a storage pool',
      purpose: PURPOSE[action],
      facts: ['pools'],
      fields: fieldsOf(action),
      send: (state, values) =>
        requestChange(state, {
          title: `${action === 'create' ? 'Making' : 'Importing'} ${values.name}`,
          facts: ['pools', 'host'],
          leads: 'back',
          run: (deps, signal) => deps.addPool(requestOf(action, values), signal),
        }),
    },
    { name: '', kind: 'disk', place: '', serial: '' },
  );
}

function fieldsOf(action: Action): Fields<Name> {
  const fields = [
    createTextField<Name>({
      name: 'name',
      label: 'Name',
      hint: 'such as fast',
      problem: ({ name }) =>
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)
          ? null
          : 'Letters, digits, dots and dashes, at most 63.',
    }),
    createChoiceField<Name>({
      name: 'kind',
      label: 'On',
      choices: [
        { value: 'disk', label: 'a disk, with a file system' },
        { value: 'lvm', label: 'a disk, as a volume group' },
        { value: 'directory', label: 'a folder' },
        { value: 'nfs', label: 'an export of NFS' },
      ],
    }),
    createTextField<Name>({
      name: 'place',
      label: 'Which',
      hint: '/dev/sdb, /data/isos or nas:/pool',
      problem: ({ kind, place }) => {
        const rule = PLACES[kind];
        return rule === undefined || rule.pattern.test(place) ? null : rule.problem;
      },
    }),
  ];
  if (action === 'import') return fields;
  return [
    ...fields,
    createTextField<Name>({
      name: 'serial',
      label: 'Destroy',
      hint: 'serial number of the disk, if it is not empty',
      problem: ({ kind, serial }) =>
        serial === '' || kind === 'disk' || kind === 'lvm' ? null : 'Only for a disk.',
    }),
  ];
}

/** Returns the request to the agent, in the form that `qx-node pool` sends. */
function requestOf(action: Action, { name, kind, place, serial }: Values<Name>): PoolRequest {
  switch (kind) {
    case 'directory':
      return { action, pool: { name, directory: place } };
    case 'nfs':
      return { action, pool: { name, nfs: place } };
    default:
      return {
        action,
        pool: { name },
        disks: [place],
        // On import, the content of the disk shows which of the two kinds it has.
        ...(kind === 'lvm' && action === 'create' ? { lvm: true } : {}),
        ...(serial === '' ? {} : { destroy: serial }),
      };
  }
}
