import type { VmVerb } from '../../agent/client/vms.ts';
import type { Vm, Vms } from '../../api/vms.ts';
import { bytes, count } from '../../text/amount.ts';
import { authorize } from '../authorization.ts';
import { request } from '../change.ts';
import { confirm, tell, work } from '../dialogs.ts';
import { EXIT } from '../exit-status.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column, plain, wrap } from '../kit/text.ts';
import { maintenanceTexts } from '../report/agent.ts';
import type { Screen, State, Step } from '../state.ts';
import { leave, show } from '../steps.ts';
import { type Body, body, missingText } from './body.ts';
import { bodyRows } from './room.ts';

/** Milliseconds that it may take to prepare the terminal for another program. */
const ATTACH_LIMIT = 5_000;

/** States in which a virtual machine has a process, and so a console. */
const LIVES: readonly Vm['state'][] = ['running', 'blocked', 'paused', 'shutdown', 'pmsuspended'];

/** Screen with the virtual machines, the first one selected. */
export const VMS = vmsScreen(LIST_START);

function vmsScreen(list: List): Screen {
  return {
    facts: ['vms', 'health'],
    takesText: false,
    view: (state, room) => viewVms(state, list, room),
    onKey: (state, key) => onVmsKey(state, list, key),
  };
}

function onVmsKey(state: State, list: List, key: Key): Step {
  const vms = inOrder(state.facts.vms.value);
  const vm = selectedOf(list, vms);
  if (vm !== undefined) {
    switch (letter(key)) {
      case 's':
        return act(state, vm, { verb: 'start', doing: 'Starting', done: 'is started' });
      case 'd':
        return act(state, vm, {
          ...{ verb: 'shutdown', doing: 'Shutting down', done: 'is asked to shut down' },
        });
      case 'x':
        return askToStop(state, vm);
      case 'c':
        return attach(state, vm);
    }
  }
  const size = { length: vms.length, page: bodyRows(state.size) };
  return show(state, vmsScreen(moveInList(list, key, size)));
}

interface Act {
  verb: VmVerb;
  /** For example `Starting`. */
  doing: string;
  /** For example `is started`. */
  done: string;
}

function act(state: State, { id, name }: Vm, { verb, doing, done }: Act): Step {
  return request(state, {
    title: `${doing} ${plain(name)}`,
    facts: ['vms'],
    leads: 'stay',
    run: async (deps, signal) => {
      await deps.actOnVm({ id, verb }, signal);
      return `${plain(name)} ${done}.`;
    },
  });
}

function askToStop(state: State, vm: Vm): Step {
  return confirm(state, {
    title: `Cut the power of ${plain(vm.name)}?`,
    text: 'What it has not written to its disks is lost.',
    next: (sure) =>
      act(sure, vm, { verb: 'destroy', doing: 'Cutting the power of', done: 'has no power' }),
  });
}

/** Leaves this program for the virtual machine's text console; `console-launch` starts it again afterwards. */
function attach(state: State, { id, name, state: now }: Vm): Step {
  if (!LIVES.includes(now)) {
    return tell(state, 'No console', `${plain(name)} does not run.`);
  }
  return authorize(state, `Opening the console of ${plain(name)}`, (allowed) =>
    work(allowed, {
      title: `Opening the console of ${plain(name)}`,
      limit: ATTACH_LIMIT,
      facts: [],
      run: async (deps) => {
        await deps.leaveForConsole({ id, name: plain(name) });
        return (there) => leave(there, EXIT.machine);
      },
    }),
  );
}

function inOrder(told: Vms | null): Vm[] {
  return [...(told?.vms ?? [])].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function viewVms(state: State, list: List, room: Size): Body {
  const title = 'Virtual machines';
  const { value, problem } = state.facts.vms;
  const lone = (text: string) => body(title, 'Esc Back', wrap(text, room.columns).map(line));
  if (value === null) return lone(missingText('Virtual machines are being read', problem));
  if (!value.libvirt.available) return lone(`Not known: ${value.libvirt.problem}`);
  const health = state.facts.health.value;
  const notice = health === null ? [] : maintenanceTexts(health);
  const above: Line[] = notice.flatMap((text) => [
    ...wrap(`This host is ${text}.`, room.columns).map(bold),
    line(''),
  ]);
  const vms = inOrder(value);
  if (vms.length === 0) return body(title, 'Esc Back', [...above, line('There are none.')]);
  const names = Math.max(room.columns - 54, 24);
  return body(title, 's Start   d Shut down   x Cut the power   c Text console   Esc Back', [
    ...above,
    ...viewList(
      list,
      vms.map((vm) => vmText(vm, names)),
      { columns: room.columns, rows: Math.max(room.rows - above.length, 3) },
    ),
  ]);
}

function vmText({ name, state, cpus, memory, autostart, persistent }: Vm, names: number): string {
  const traits = [...(autostart ? ['autostart'] : []), ...(persistent ? [] : ['not kept'])];
  return [
    column(name, names),
    column(state === 'shutoff' ? 'shut off' : state, 12),
    column(state === 'unknown' ? '' : count(cpus, 'CPU'), 9),
    column(state === 'unknown' ? '' : bytes(memory), 10),
    traits.join(', '),
  ].join(' ');
}
