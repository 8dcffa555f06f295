import type { Disk } from '../../api/host.ts';
import type { Pool } from '../../api/storage.ts';
import { formatBytes } from '../../text/amount.ts';
import { requestChange } from '../change.ts';
import { confirm } from '../dialogs.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn, plain, wrap } from '../kit/text.ts';
import { describePool } from '../report/agent.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, createBody, explainMissing } from './body.ts';
import { createPoolScreen } from './pool.ts';
import { countBodyRows } from './room.ts';

/** Screen with storage pools, the first one selected, and the machine's disks. */
export const STORAGE = storageScreen(LIST_START);

function storageScreen(list: List): Screen {
  return {
    facts: ['pools', 'host'],
    takesText: false,
    view: (state, room) => viewStorage(state, list, room),
    onKey: (state, key) => onStorageKey(state, list, key),
  };
}

function onStorageKey(state: State, list: List, key: Key): Step {
  const pools = state.facts.pools.value ?? [];
  const pool = getSelected(list, pools);
  const command = getLetter(key);
  if (command === 'c') return enter(state, createPoolScreen('create'));
  if (command === 'i') return enter(state, createPoolScreen('import'));
  if (command === 'r' && pool !== undefined) return askToRemove(state, pool);
  const size = { length: pools.length, page: countBodyRows(state.size) };
  return show(state, storageScreen(moveInList(list, key, size)));
}

function askToRemove(state: State, { name }: Pool): Step {
  return confirm(state, {
    title: `Remove the pool ${plain(name)}?`,
    text: 'Its data stays, and can be imported again.',
    next: (sure) =>
      requestChange(sure, {
        title: `Removing ${plain(name)}`,
        facts: ['pools'],
        leads: 'stay',
        run: async (deps, signal) => {
          await deps.removePool(name, signal);
          return `${plain(name)} is no longer a pool; its data stays.`;
        },
      }),
  });
}

function viewStorage({ facts }: State, list: List, room: Size): Body {
  const pools = poolLines(facts.pools.value, facts.pools.problem, list, room);
  const disks = diskLines(facts.host.value?.disks ?? null, facts.host.problem, room.columns);
  const keys = 'c Create   i Import   r Remove   Esc Back';
  return createBody('Disks and pools', keys, [
    bold('Storage pools'),
    ...pools,
    line(''),
    bold('Disks'),
    ...disks,
  ]);
}

function poolLines(
  pools: readonly Pool[] | null,
  problem: string | null,
  list: List,
  { columns, rows }: Size,
): Line[] {
  if (pools === null) return missingLines('Pools are being read', problem, columns);
  if (pools.length === 0) return [line('  none')];
  const most = Math.max(Math.floor((rows - 4) / 2), 2);
  const texts = pools.map((pool) => plain(describePool(pool)));
  const why = getSelected(list, pools)?.problem ?? null;
  return [
    ...drawList(list, texts, { columns, rows: most }),
    ...(why === null ? [] : wrap(why, columns - 4).map((text) => line(`    ${text}`))),
  ];
}

function diskLines(disks: readonly Disk[] | null, problem: string | null, columns: number): Line[] {
  if (disks === null) return missingLines('Disks are being read', problem, columns);
  if (disks.length === 0) return [line('  none')];
  return disks.map(({ path, size, kind, model, serial }) =>
    line(
      fitColumn(
        [
          ` ${fitColumn(path, 14)}`,
          fitColumn(formatBytes(size), 9),
          fitColumn(kind, 9),
          fitColumn(model ?? 'model not known', 22),
          `serial ${serial ?? 'not known'}`,
        ].join(' '),
        columns,
      ),
    ),
  );
}

function missingLines(reading: string, problem: string | null, columns: number): Line[] {
  return wrap(explainMissing(reading, problem), columns - 2).map((part) => line(`  ${part}`));
}
