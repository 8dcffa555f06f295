import { fill, openForm } from '../../console/kit/form.ts';
import { getLetter, type Key } from '../../console/kit/keys.ts';
import { getSelected, LIST_START, moveInList } from '../../console/kit/list.ts';
import type { CommonEvent, Program, Step } from '../../console/kit/program.ts';
import { messageOf } from '../../error.ts';
import { type Answer, answerFor } from '../answer.ts';
import type { Progress } from '../install.ts';
import { determineProof } from '../plan.ts';
import type { Report } from '../report.ts';
import type { Deps } from './deps.ts';
import {
  type Choices,
  createSerialFields,
  type Effect,
  type Event,
  type State,
  type View,
} from './state.ts';
import { drawInstaller } from './view.ts';

type Next = Step<State, Effect>;

/** Default choices. */
const CHOICES: Choices = { keep: true, carry: true, data: true };

/** Creates the program of the installer's screens. @param product shown in the title */
export function createInstallerProgram(product: string, deps: Deps): Program<State, Event, Effect> {
  const news = new News();
  return {
    start: (size) => ({
      state: { size, view: { at: 'looking' }, exitStatus: null },
      effects: [{ do: 'begin' }],
    }),
    update,
    view: (state) => drawInstaller(state, product),
    carryOut: async (effect, signal) => {
      try {
        return await carryOut(effect, { deps, news, signal });
      } catch (error) {
        return { type: 'shown', view: { at: 'failed', problem: messageOf(error) } };
      }
    },
    canWait: ({ type }) => type === 'progressed',
    tickAfter: () => 1000,
    exitStatus: ({ exitStatus }) => exitStatus,
  };
}

function update(state: State, event: Event | CommonEvent): Next {
  switch (event.type) {
    case 'key':
      return press(state, event.key);
    case 'resize':
      return stay({ ...state, size: event.size });
    case 'tick':
      return stay(state);
    case 'shown':
      return show(state, event.view);
    case 'left':
      return stay({ ...state, exitStatus: 0 });
    case 'progressed':
      if (state.view.at !== 'installing') return stay(state);
      return {
        state: { ...state, view: { at: 'installing', progress: event.progress } },
        effects: [{ do: 'progress' }],
      };
  }
}

function stay(state: State): Next {
  return { state, effects: [] };
}

function show(state: State, shown: View, ...effects: readonly Effect[]): Next {
  return { state: { ...state, view: shown }, effects };
}

/** Leaves the installer, and shows what is being done meanwhile. */
function leave(state: State, what: string, effect: Effect): Next {
  return show(state, { at: 'leaving', what }, effect);
}

function press(state: State, key: Key): Next {
  const { view: shown } = state;
  if (shown.at === 'plan') return pressInPlan(state, shown, key);
  const typed = getLetter(key);
  if (shown.at === 'busy')
    return typed === 'r' ? show(state, { at: 'looking' }, { do: 'look' }) : stay(state);
  if (shown.at !== 'disks' && shown.at !== 'failed' && shown.at !== 'installed') return stay(state);
  if (typed === 'p') return leave(state, 'The machine is powering off.', { do: 'power-off' });
  if (shown.at === 'installed') {
    if (key.name !== 'enter') return stay(state);
    return leave(state, 'The machine is restarting.', { do: 'restart' });
  }
  if (typed === 'c') return leave(state, 'The console is starting.', { do: 'live' });
  if (typed === 'r' || shown.at === 'failed') {
    const wanted = typed === 'r' || key.name === 'enter';
    return wanted ? show(state, { at: 'looking' }, { do: 'look' }) : stay(state);
  }
  const { machine, list } = shown;
  if (key.name === 'enter') {
    if (machine.disks.length === 0) return stay(state);
    return show(
      state,
      { at: 'planning', machine, list },
      { do: 'plan', machine, list, choices: CHOICES },
    );
  }
  const size = { length: machine.disks.length, page: 10 };
  return show(state, { ...shown, list: moveInList(list, key, size) });
}

function pressInPlan(state: State, shown: Extract<View, { at: 'plan' }>, key: Key): Next {
  const { machine, list, choices, planned, proof, answer, form } = shown;
  if (form !== null) {
    if (key.name === 'escape') return show(state, { ...shown, form: null });
    const filled = fill(form, createSerialFields(proof), key);
    if (!filled.submitted || 'reasons' in planned)
      return show(state, { ...shown, form: filled.form });
    return begin(state, planned.plan, { ...answer, erase: proof });
  }
  if (key.name === 'escape') return show(state, { at: 'disks', machine, list });
  if ('reasons' in planned) return stay(state);
  const again = (changed: Partial<Choices>) =>
    show(
      state,
      { at: 'planning', machine, list },
      { do: 'plan', machine, list, choices: { ...choices, ...changed } },
    );
  if (getLetter(key) === 'k') return again({ keep: !choices.keep });
  if (getLetter(key) === 'o') return again({ carry: !choices.carry });
  if (getLetter(key) === 'd') return again({ data: !choices.data });
  if (key.name !== 'enter') return stay(state);
  if (planned.plan.destroys.length === 0) return begin(state, planned.plan, answer);
  return show(state, { ...shown, form: openForm(createSerialFields(proof), { serial: '' }) });
}

function begin(
  state: State,
  plan: Extract<Effect, { do: 'install' }>['plan'],
  answer: Answer,
): Next {
  return show(
    state,
    { at: 'installing', progress: null },
    { do: 'install', plan, answer },
    { do: 'progress' },
  );
}

interface EffectContext {
  deps: Deps;
  news: News;
  signal: AbortSignal;
}

async function carryOut(effect: Effect, { deps, news, signal }: EffectContext): Promise<Event> {
  const watch = { onProgress: (progress: Progress) => news.report(progress), signal };
  switch (effect.do) {
    case 'begin': {
      if (await deps.isInstalling()) return { type: 'shown', view: { at: 'busy' } };
      const report = await deps.carryOutAnswer(watch);
      return report === null ? look(deps, signal) : ended(report);
    }
    case 'look':
      if (await deps.isInstalling()) return { type: 'shown', view: { at: 'busy' } };
      return look(deps, signal);
    case 'plan':
      return plan(effect, { deps, signal });
    case 'install':
      return ended(await deps.carryOut(effect.plan, effect.answer, watch));
    case 'progress':
      return { type: 'progressed', progress: await news.next() };
    case 'restart':
      await deps.restart(signal);
      return { type: 'shown', view: { at: 'leaving', what: 'The machine is restarting.' } };
    case 'power-off':
      await deps.powerOff(signal);
      return { type: 'shown', view: { at: 'leaving', what: 'The machine is powering off.' } };
    case 'live':
      await deps.useLive();
      return { type: 'left' };
  }
}

async function look(deps: Deps, signal: AbortSignal): Promise<Event> {
  const machine = await deps.look(signal);
  return { type: 'shown', view: { at: 'disks', machine, list: LIST_START } };
}

function ended(report: Report): Event {
  const { problem, disk } = report;
  if (problem !== null) return { type: 'shown', view: { at: 'failed', problem } };
  return { type: 'shown', view: { at: 'installed', disk: disk?.path ?? 'the disk', report } };
}

async function plan(
  { machine, list, choices }: Extract<Effect, { do: 'plan' }>,
  { deps, signal }: Omit<EffectContext, 'news'>,
): Promise<Event> {
  const disk = getSelected(list, machine.disks);
  if (disk === undefined) return look(deps, signal);
  const proof = determineProof(disk);
  const answer: Answer = {
    ...answerFor({ path: disk.path, pick: 'one', ...(disk.serial && { serial: disk.serial }) }),
    'keep-data': choices.keep,
    'carry-over': choices.carry,
    data: choices.data ? 'rest' : 'none',
  };
  // The plan is made as if the serial number had been typed; it is typed after the plan was shown.
  const planned = await deps.plan({ ...answer, erase: proof }, signal);
  return {
    type: 'shown',
    view: { at: 'plan', machine, list, choices, proof, answer, planned, form: null },
  };
}

/** The latest progress of an installation. The reader requests the next progress after it has drawn the last one. */
class News {
  #latest: Progress | undefined;
  #waiting: ((progress: Progress) => void) | undefined;

  report(progress: Progress): void {
    if (this.#waiting === undefined) {
      this.#latest = progress;
      return;
    }
    this.#waiting(progress);
    this.#waiting = undefined;
  }

  next(): Promise<Progress> {
    const latest = this.#latest;
    this.#latest = undefined;
    if (latest !== undefined) return Promise.resolve(latest);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}
