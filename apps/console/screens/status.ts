import { EXIT } from '../exit-status.ts';
import type { Line, Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { getLetter } from '../kit/keys.ts';
import { computeScrollStep } from '../kit/scroll.ts';
import {
  describeControlPlane,
  describeDataDisk,
  describeDeployment,
  describeHealth,
  describeMaintenance,
  describePools,
  describeVms,
} from '../report/agent.ts';
import {
  describeAlerts,
  describeDatabases,
  describePersistence,
  describeReadiness,
} from '../report/control-plane.ts';
import { describeMachine } from '../report/machine.ts';
import { describeInterface, describeRoute, listNetworkProblems } from '../report/network.ts';
import { createFactRows, createRows, type Row } from '../report/row.ts';
import { describeServices, describeSsh } from '../report/services.ts';
import { updateTexts } from '../report/update.ts';
import type { Screen, State, Step } from '../state.ts';
import { leave, show, stay } from '../steps.ts';
import { type Body, createBody, formatRows } from './body.ts';
import { computeCurrentNetwork } from './current-network.ts';
import { countBodyRows } from './room.ts';

/** Width of the labels, in cells. */
const LABELS = 18;

/** Screen with an overview of the machine, scrolled to the top. */
export const STATUS = statusScreen(0);

function statusScreen(top: number): Screen {
  return {
    facts: [
      'stop',
      'host',
      'network',
      'health',
      'readiness',
      'vms',
      'pools',
      'services',
      'ssh',
      'update',
    ],
    takesText: false,
    view: (state, room) => viewStatus(state, top, room),
    onKey: (state, key) => onStatusKey(state, top, key),
  };
}

/** Handles a key on the status screen: arrows scroll, `q` leaves. */
function onStatusKey(state: State, top: number, key: Key): Step {
  if (getLetter(key) === 'q') return leave(state, EXIT.left);
  const last = Math.max(
    statusLines(state, state.size.columns).length - countBodyRows(state.size),
    0,
  );
  const step = computeScrollStep(key, { page: countBodyRows(state.size), last });
  if (step === undefined) return stay(state);
  return show(state, statusScreen(Math.min(Math.max(top + step, 0), last)));
}

function viewStatus(state: State, wanted: number, room: Size): Body {
  const lines = statusLines(state, room.columns);
  const top = Math.min(wanted, Math.max(lines.length - room.rows, 0));
  const keys = lines.length > room.rows ? 'Up/Down Scroll   q Leave' : 'q Leave';
  return createBody('Status', keys, lines.slice(top, top + room.rows));
}

function statusLines(state: State, columns: number): Line[] {
  return formatRows(statusRows(state), columns, LABELS);
}

function statusRows(state: State): Row[] {
  const { facts, sources, now } = state;
  const network = computeCurrentNetwork(state);
  const waits = facts.stop.value?.waits ?? null;
  const all: Row[] = [
    ...createRows(
      'Going down',
      waits === null ? [] : [`${waits} (c on the Power screen stops waiting)`],
    ),
    ...createRows('Update', facts.update.value === null ? [] : updateTexts(facts.update.value)),
    ...createFactRows('Management', facts.host, (host) => [
      host.managementAddress ?? 'no address by which this machine can be managed',
    ]),
    ...createFactRows('Network', facts.network, ({ interfaces }) =>
      interfaces.length === 0 ? ['no network card was found'] : interfaces.map(describeInterface),
    ),
    ...(network === null
      ? []
      : [
          ...createRows('Gateway', [describeRoute(network)]),
          ...createRows('Attention', listNetworkProblems(network)),
        ]),
    ...(facts.host.value === null ? [] : describeMachine(facts.host.value)),
  ];
  if (sources.includes('health')) {
    all.push(...createFactRows('Agent', facts.health, describeHealth));
    if (facts.health.value !== null) {
      all.push(...createRows('', describeDeployment(facts.health.value)));
      all.push(...createRows('Control plane', describeControlPlane(facts.health.value)));
      all.push(...createRows('Maintenance', describeMaintenance(facts.health.value)));
      all.push(...createRows('Kept', describeDataDisk(facts.health.value)));
    }
  }
  if (sources.includes('readiness')) {
    all.push(...createFactRows('Control plane', facts.readiness, describeReadiness));
    if (facts.readiness.value !== null) {
      all.push(...createRows('Alerts', describeAlerts(facts.readiness.value)));
      all.push(...createRows('Databases', describeDatabases(facts.readiness.value, now)));
      all.push(...createRows('Kept', [describePersistence(facts.readiness.value)]));
    }
  }
  if (sources.includes('vms'))
    all.push(...createFactRows('Virtual machines', facts.vms, describeVms));
  if (sources.includes('pools'))
    all.push(...createFactRows('Storage pools', facts.pools, describePools));
  all.push(...createFactRows('Services', facts.services, describeServices));
  all.push(...createFactRows('SSH', facts.ssh, (ssh) => [describeSsh(ssh, now)]));
  return all;
}
