import type { Disk } from '../../api/host.ts';
import type { Pool } from '../../api/storage.ts';
import { bytes } from '../../text/amount.ts';
import { request } from '../change.ts';
import { confirm } from '../dialogs.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column, plain, wrap } from '../kit/text.ts';
import { poolText } from '../report/agent.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, body, missingText } from './body.ts';
import { poolScreen } from './pool.ts';
import { bodyRows } from './room.ts';

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
  const pool = selectedOf(list, pools);
  const command = letter(key);
  if (command === 'c') return enter(state, poolScreen('create'));
  if (command === 'i') return enter(state, poolScreen('import'));
  if (command === 'r' && pool !== undefined) return askToRemove(state, pool);
  const size = { length: pools.length, page: bodyRows(state.size) };
  return show(state, storageScreen(moveInList(list, key, size)));
}

function askToRemove(state: State, { name }: Pool): Step {
  return confirm(state, {
    title: `Take the pool ${plain(name)} away?`,
    text: 'What is on it stays, and can be imported again.',
    next: (sure) =>
      request(sure, {
        title: `Taking ${plain(name)} away`,
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
  const keys = 'c Create   i Import   r Take away   Esc Back';
  return body('Disks and pools', keys, [
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
  const texts = pools.map((pool) => plain(poolText(pool)));
  const why = selectedOf(list, pools)?.problem ?? null;
  return [
    ...viewList(list, texts, { columns, rows: most }),
    ...(why === null ? [] : wrap(why, columns - 4).map((text) => line(`    ${text}`))),
  ];
}

function diskLines(disks: readonly Disk[] | null, problem: string | null, columns: number): Line[] {
  if (disks === null) return missingLines('Disks are being read', problem, columns);
  if (disks.length === 0) return [line('  none')];
  return disks.map(({ path, size, kind, model, serial }) =>
    line(
      column(
        [
          ` ${column(path, 14)}`,
          column(bytes(size), 9),
          column(kind, 9),
          column(model ?? 'model not known', 22),
          `serial ${serial ?? 'not known'}`,
        ].join(' '),
        columns,
      ),
    ),
  );
}

function missingLines(reading: string, problem: string | null, columns: number): Line[] {
  return wrap(missingText(reading, problem), columns - 2).map((part) => line(`  ${part}`));
}
