import type { FleetNode } from '../../api/fleet.ts';
import { formatAge } from '../../text/age.ts';
import { formatDuration } from '../../text/amount.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn, wrap } from '../kit/text.ts';
import type { Row } from '../report/row.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, createBody, explainMissing, formatRows } from './body.ts';
import { joinTokenScreen } from './join-token.ts';
import { countBodyRows } from './room.ts';

/** Rows besides the list: the heading and the selected node. */
const OTHER_ROWS = 7;

/** Width of the labels, in cells. */
const LABELS = 12;

/** Screen with the joined hosts, the first one selected. */
export const NODES = nodesScreen(LIST_START);

function nodesScreen(list: List): Screen {
  return {
    facts: ['nodes'],
    takesText: false,
    view: (state, room) => viewNodes(state, list, room),
    onKey: (state, key) => onNodesKey(state, list, key),
  };
}

function onNodesKey(state: State, list: List, key: Key): Step {
  if (getLetter(key) === 't') return enter(state, joinTokenScreen());
  const length = state.facts.nodes.value?.length ?? 0;
  const page = Math.max(countBodyRows(state.size) - OTHER_ROWS, 1);
  return show(state, nodesScreen(moveInList(list, key, { length, page })));
}

function viewNodes({ facts, now }: State, list: List, room: Size): Body {
  const { value, problem } = facts.nodes;
  const keys = 't Join token   Esc Back';
  const lone = (text: string) => createBody('Nodes', keys, wrap(text, room.columns).map(line));
  if (value === null) {
    return lone(explainMissing('The control plane is being asked', problem));
  }
  const selected = getSelected(list, value);
  if (selected === undefined) {
    return lone('No host has joined. A host joins with a token, which is made here (t).');
  }
  const names = Math.max(room.columns - 58, 18);
  const entries = value.map((node) => entryOf(node, now, names));
  const heading: Line = bold(
    `  ${fitColumn('Host', names)} ${fitColumn('Address', 15)} ${fitColumn('Phase', 12)} ${fitColumn('Last heard', 18)} VMs`,
  );
  const rows = Math.max(room.rows - OTHER_ROWS, 1);
  return createBody('Nodes', keys, [
    heading,
    ...drawList(list, entries, { columns: room.columns, rows }),
    line(''),
    ...formatRows(rowsOfNode(selected, now), room.columns, LABELS),
  ]);
}

function entryOf(node: FleetNode, now: number, names: number): string {
  return [
    fitColumn(node.hostname, names),
    fitColumn(node.managementAddress ?? '-', 15),
    fitColumn(node.leftAt === null ? node.phase : 'left', 12),
    fitColumn(node.lastHeard === null ? 'never' : formatAge(Date.parse(node.lastHeard), now), 18),
    String(node.vms),
  ].join(' ');
}

/** Describes the selected node, and how old this information is. */
function rowsOfNode(node: FleetNode, now: number): Row[] {
  const { id, managementAddress, addressSince, isHeard, vms } = node;
  const since =
    addressSince === null ? '' : `, for ${formatDuration((now - Date.parse(addressSince)) / 1000)}`;
  return [
    { label: 'Id', text: id },
    {
      label: 'Address',
      text: managementAddress === null ? 'none' : `${managementAddress}${since}`,
    },
    {
      label: 'Machines',
      text: isHeard ? String(vms) : `${vms} at its last report; their present state is not known`,
    },
  ];
}
