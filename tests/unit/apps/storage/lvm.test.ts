import { expect, test } from 'vitest';
import { poolsSchema } from '../../../../apps/api/storage.ts';
import { parseVolumeGroups } from '../../../../apps/storage/lvm.ts';

/** Output of LVM 2.03, in which numbers are strings. */
const group = {
  vg_name: 'vg0',
  vg_uuid: 'SKpqHu-OwG1-Ojc2-tYvx-Ww3q-dPyT-1dF2rA',
  vg_size: '107369988096',
  vg_free: '7369988096',
  vg_attr: 'wz--n-',
};

const volume = {
  lv_name: 'root',
  vg_uuid: group.vg_uuid,
  lv_path: '/dev/vg0/root',
  lv_size: '21474836480',
  lv_attr: '-wi-ao----',
  data_percent: '',
};

const thinPool = { ...volume, lv_name: 'thin', lv_path: '', lv_attr: 'twi-aotz--' };

const groups = (...vg: object[]) => JSON.stringify({ report: [{ vg }] });
const volumes = (...lv: object[]) => JSON.stringify({ report: [{ lv }] });

test('a volume group is a pool of its logical volumes; thin ones count with their written size', () => {
  const thin = {
    ...volume,
    lv_name: 'vm',
    lv_path: '/dev/vg0/vm',
    lv_attr: 'Vwi-a-tz--',
    data_percent: '12.50',
  };
  const foreign = { ...volume, vg_uuid: 'other' };
  const full = { ...thinPool, data_percent: '40.00' };
  const pools = parseVolumeGroups(groups(group), volumes(volume, thin, foreign, full));
  expect(poolsSchema.parse(pools)).toEqual([
    {
      id: group.vg_uuid,
      name: 'vg0',
      kind: 'lvm',
      path: null,
      source: 'vg0',
      health: 'healthy',
      problem: null,
      writable: true,
      total: 107369988096,
      used: 100000000000,
      available: 7369988096,
      seen: 'now',
      volumesSeen: 'now',
      volumes: [
        {
          name: 'root',
          path: '/dev/vg0/root',
          format: 'lv',
          allocated: 21474836480,
          capacity: 21474836480,
        },
        {
          name: 'vm',
          path: '/dev/vg0/vm',
          format: 'lv',
          allocated: 2684354560,
          capacity: 21474836480,
        },
      ],
    },
  ]);
});

test.each([
  [{ vg_attr: 'wz-pn-' }, '', { health: 'failed', problem: 'a disk is missing', writable: false }],
  [{ vg_attr: 'rz--n-' }, '', { health: 'degraded', writable: false }],
  [{}, '96.10', { health: 'degraded', problem: 'thin pool thin is 96 % full' }],
  [{ vg_free: '0' }, '10.00', { health: 'healthy', available: 0 }],
])(
  'a group with %j and a thin pool filled to "%s" has the expected health',
  (attributes, filled, expected) => {
    const pools = parseVolumeGroups(
      groups({ ...group, ...attributes }),
      volumes({ ...thinPool, data_percent: filled }),
    );
    expect(pools).toMatchObject([expected]);
  },
);

test('a machine without volume groups has no pools', () => {
  expect(parseVolumeGroups(groups(), volumes())).toEqual([]);
});

test.each([
  ['', 'vgs'],
  ['{"report":[{"vg":[{', 'vgs'],
  ['{"report":[{"lv":[]}]}', 'vgs'],
  [groups({ ...group, vg_size: '107g' }), 'vgs'],
  [groups({ ...group, vg_attr: '' }), 'vgs'],
])('%s is refused', (text, command) => {
  expect(() => parseVolumeGroups(text, volumes())).toThrow(
    `the output of ${command} cannot be understood`,
  );
});
