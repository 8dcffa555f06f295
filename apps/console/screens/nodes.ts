import type { FleetNode } from '../../api/fleet.ts';
import { ago } from '../../text/age.ts';
import { duration } from '../../text/amount.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column, wrap } from '../kit/text.ts';
import type { Row } from '../report/row.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, body, missingText, rowLines } from './body.ts';
import { joinTokenScreen } from './join-token.ts';
import { bodyRows } from './room.ts';

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
  if (letter(key) === 't') return enter(state, joinTokenScreen());
  const length = state.facts.nodes.value?.length ?? 0;
  const page = Math.max(bodyRows(state.size) - OTHER_ROWS, 1);
  return show(state, nodesScreen(moveInList(list, key, { length, page })));
}

function viewNodes({ facts, now }: State, list: List, room: Size): Body {
  const { value, problem } = facts.nodes;
  const keys = 't Join token   Esc Back';
  const lone = (text: string) => body('Nodes', keys, wrap(text, room.columns).map(line));
  if (value === null) {
    return lone(missingText('The control plane is being asked', problem));
  }
  const selected = selectedOf(list, value);
  if (selected === undefined) {
    return lone('No host has joined. A host joins with a token, which is made here (t).');
  }
  const names = Math.max(room.columns - 58, 18);
  const entries = value.map((node) => entryOf(node, now, names));
  const heading: Line = bold(
    `  ${column('Host', names)} ${column('Address', 15)} ${column('Phase', 12)} ${column('Last heard', 18)} VMs`,
  );
  const rows = Math.max(room.rows - OTHER_ROWS, 1);
  return body('Nodes', keys, [
    heading,
    ...viewList(list, entries, { columns: room.columns, rows }),
    line(''),
    ...rowLines(rowsOfNode(selected, now), room.columns, LABELS),
  ]);
}

function entryOf(node: FleetNode, now: number, names: number): string {
  return [
    column(node.hostname, names),
    column(node.managementAddress ?? '-', 15),
    column(node.leftAt === null ? node.phase : 'left', 12),
    column(node.lastHeard === null ? 'never' : ago(Date.parse(node.lastHeard), now), 18),
    String(node.vms),
  ].join(' ');
}

/** Describes the selected node, and how old this information is. */
function rowsOfNode(node: FleetNode, now: number): Row[] {
  const { id, managementAddress, addressSince, isHeard, vms } = node;
  const since =
    addressSince === null ? '' : `, for ${duration((now - Date.parse(addressSince)) / 1000)}`;
  return [
    { label: 'Id', text: id },
    {
      label: 'Address',
      text: managementAddress === null ? 'none' : `${managementAddress}${since}`,
    },
    {
      label: 'Machines',
      text: isHeard ? String(vms) : `${vms} when it was heard of last; how they fare is not known`,
    },
  ];
}
