import { EXIT } from '../exit-status.ts';
import type { Line, Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { letter } from '../kit/keys.ts';
import { scrollStep } from '../kit/scroll.ts';
import {
  controlPlaneTexts,
  dataDiskTexts,
  deploymentTexts,
  healthTexts,
  maintenanceTexts,
  poolTexts,
  vmTexts,
} from '../report/agent.ts';
import {
  alertTexts,
  databaseTexts,
  persistenceText,
  readinessTexts,
} from '../report/control-plane.ts';
import { machineRows } from '../report/machine.ts';
import { interfaceText, networkProblems, routeText } from '../report/network.ts';
import { type Row, rows, rowsOf } from '../report/row.ts';
import { serviceTexts, sshText } from '../report/services.ts';
import { updateTexts } from '../report/update.ts';
import type { Screen, State, Step } from '../state.ts';
import { leave, show, stay } from '../steps.ts';
import { type Body, body, rowLines } from './body.ts';
import { currentNetwork } from './current-network.ts';
import { bodyRows } from './room.ts';

/** Width of the labels, in cells. */
const LABELS = 18;

/** Screen with an overview of the machine, from its top. */
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
  if (letter(key) === 'q') return leave(state, EXIT.left);
  const last = Math.max(statusLines(state, state.size.columns).length - bodyRows(state.size), 0);
  const step = scrollStep(key, { page: bodyRows(state.size), last });
  if (step === undefined) return stay(state);
  return show(state, statusScreen(Math.min(Math.max(top + step, 0), last)));
}

function viewStatus(state: State, wanted: number, room: Size): Body {
  const lines = statusLines(state, room.columns);
  const top = Math.min(wanted, Math.max(lines.length - room.rows, 0));
  const keys = lines.length > room.rows ? 'Up/Down Scroll   q Leave' : 'q Leave';
  return body('Status', keys, lines.slice(top, top + room.rows));
}

function statusLines(state: State, columns: number): Line[] {
  return rowLines(statusRows(state), columns, LABELS);
}

function statusRows(state: State): Row[] {
  const { facts, sources, now } = state;
  const network = currentNetwork(state);
  const waits = facts.stop.value?.waits ?? null;
  const all: Row[] = [
    ...rows(
      'Going down',
      waits === null ? [] : [`${waits} (c on the screen Power waits no longer)`],
    ),
    ...rows('Update', facts.update.value === null ? [] : updateTexts(facts.update.value)),
    ...rowsOf('Management', facts.host, (host) => [
      host.managementAddress ?? 'no address by which this machine can be managed',
    ]),
    ...rowsOf('Network', facts.network, ({ interfaces }) =>
      interfaces.length === 0 ? ['no network card was found'] : interfaces.map(interfaceText),
    ),
    ...(network === null
      ? []
      : [...rows('Gateway', [routeText(network)]), ...rows('Attention', networkProblems(network))]),
    ...(facts.host.value === null ? [] : machineRows(facts.host.value)),
  ];
  if (sources.includes('health')) {
    all.push(...rowsOf('Agent', facts.health, healthTexts));
    if (facts.health.value !== null) {
      all.push(...rows('', deploymentTexts(facts.health.value)));
      all.push(...rows('Control plane', controlPlaneTexts(facts.health.value)));
      all.push(...rows('Maintenance', maintenanceTexts(facts.health.value)));
      all.push(...rows('Kept', dataDiskTexts(facts.health.value)));
    }
  }
  if (sources.includes('readiness')) {
    all.push(...rowsOf('Control plane', facts.readiness, readinessTexts));
    if (facts.readiness.value !== null) {
      all.push(...rows('Alerts', alertTexts(facts.readiness.value)));
      all.push(...rows('Databases', databaseTexts(facts.readiness.value, now)));
      all.push(...rows('Kept', [persistenceText(facts.readiness.value)]));
    }
  }
  if (sources.includes('vms')) all.push(...rowsOf('Virtual machines', facts.vms, vmTexts));
  if (sources.includes('pools')) all.push(...rowsOf('Storage pools', facts.pools, poolTexts));
  all.push(...rowsOf('Services', facts.services, serviceTexts));
  all.push(...rowsOf('SSH', facts.ssh, (ssh) => [sshText(ssh, now)]));
  return all;
}
