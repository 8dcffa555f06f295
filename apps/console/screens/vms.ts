import type { VmVerb } from '../../agent/client/vms.ts';
import type { Vm, Vms } from '../../api/vms.ts';
import { formatBytes, formatCount } from '../../text/amount.ts';
import { authorize } from '../authorization.ts';
import { requestChange } from '../change.ts';
import { confirm, runWork, showMessage } from '../dialogs.ts';
import { EXIT } from '../exit-status.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn, plain, wrap } from '../kit/text.ts';
import { describeMaintenance } from '../report/agent.ts';
import type { Screen, State, Step } from '../state.ts';
import { leave, show } from '../steps.ts';
import { type Body, createBody, explainMissing } from './body.ts';
import { countBodyRows } from './room.ts';

/** Milliseconds that it may take to prepare the terminal for another program. */
const ATTACH_LIMIT = 5_000;

/** States in which a virtual machine has a process, and therefore a console. */
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
  const vm = getSelected(list, vms);
  if (vm !== undefined) {
    switch (getLetter(key)) {
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
  const size = { length: vms.length, page: countBodyRows(state.size) };
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
  return requestChange(state, {
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
    text: 'Data that it has not written to its disks is lost.',
    next: (sure) =>
      act(sure, vm, { verb: 'destroy', doing: 'Cutting the power of', done: 'has no power' }),
  });
}

/**
 * Ends this program, so that `console-launch` opens the virtual machine's text console; afterwards, `console-launch`
 * starts this program again.
 */
function attach(state: State, { id, name, state: now }: Vm): Step {
  if (!LIVES.includes(now)) {
    return showMessage(state, 'No console', `${plain(name)} does not run.`);
  }
  return authorize(state, `Opening the console of ${plain(name)}`, (allowed) =>
    runWork(allowed, {
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

function inOrder(vms: Vms | null): Vm[] {
  return [...(vms?.vms ?? [])].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function viewVms(state: State, list: List, room: Size): Body {
  const title = 'Virtual machines';
  const { value, problem } = state.facts.vms;
  const lone = (text: string) => createBody(title, 'Esc Back', wrap(text, room.columns).map(line));
  if (value === null) return lone(explainMissing('Virtual machines are being read', problem));
  if (!value.libvirt.available) return lone(`Not known: ${value.libvirt.problem}`);
  const health = state.facts.health.value;
  const notice = health === null ? [] : describeMaintenance(health);
  const above: Line[] = notice.flatMap((text) => [
    ...wrap(`This host is ${text}.`, room.columns).map(bold),
    line(''),
  ]);
  const vms = inOrder(value);
  if (vms.length === 0) return createBody(title, 'Esc Back', [...above, line('There are none.')]);
  const names = Math.max(room.columns - 54, 24);
  return createBody(title, 's Start   d Shut down   x Cut the power   c Text console   Esc Back', [
    ...above,
    ...drawList(
      list,
      vms.map((vm) => vmText(vm, names)),
      { columns: room.columns, rows: Math.max(room.rows - above.length, 3) },
    ),
  ]);
}

function vmText({ name, state, cpus, memory, autostart, persistent }: Vm, names: number): string {
  const traits = [...(autostart ? ['autostart'] : []), ...(persistent ? [] : ['not kept'])];
  return [
    fitColumn(name, names),
    fitColumn(state === 'shutoff' ? 'shut off' : state, 12),
    fitColumn(state === 'unknown' ? '' : formatCount(cpus, 'CPU'), 9),
    fitColumn(state === 'unknown' ? '' : formatBytes(memory), 10),
    traits.join(', '),
  ].join(' ');
}
