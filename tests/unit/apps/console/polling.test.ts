import { expect, test } from 'vitest';
import { createConsoleProgram } from '../../../../apps/console/console.ts';
import type { Effect, Event, State } from '../../../../apps/console/state.ts';
import { update } from '../../../../apps/console/update.ts';
import { HOST, machine, NETWORK } from '../../../screens/machine.ts';

const SIZE = { columns: 80, rows: 24 };
const program = createConsoleProgram('Quantix-OS', machine().deps);

const namesOf = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'read' ? [effect.name] : []));

/** A state with an answer for every fact. */
function answered(state: State, effects: readonly Effect[]): State {
  return effects.reduce((reached, effect) => {
    if (effect.type !== 'read') return reached;
    const fact = { name: effect.name, value: null, problem: 'not of interest' };
    return update(reached, { type: 'fact', turn: effect.turn, took: 0, fact }).state;
  }, state);
}

const tick = (state: State, now: number) => update(state, { type: 'tick', now });
const press = (state: State, character: string) =>
  update(state, { type: 'key', key: { name: 'character', character } });

test('at the start each fact of the appliance is read once', () => {
  const { state, effects } = program.start(SIZE, 0);
  expect(namesOf(effects).sort()).toEqual([
    'health',
    'host',
    'network',
    'pools',
    'services',
    'ssh',
    'stop',
    'update',
    'vms',
  ]);
  expect(namesOf(tick(state, 5_000).effects)).toEqual([]);
});

test('old facts are read again, except those with change notifications', () => {
  const start = program.start(SIZE, 0);
  const state = answered(start.state, start.effects);
  expect(namesOf(tick(state, 400).effects)).toEqual([]);
  expect(namesOf(tick(state, 2_000).effects)).toEqual(['stop']);
  expect(namesOf(tick(state, 5_000).effects)).toEqual([
    'stop',
    'host',
    'health',
    'vms',
    'services',
  ]);
  expect(namesOf(tick(state, 60_000).effects)).toContain('network');
});

test('facts are read again at once after the clock of the machine was set back', () => {
  const start = program.start(SIZE, 7_200_000);
  const state = answered(start.state, start.effects);
  expect(namesOf(tick(state, 1_000).effects)).toContain('vms');
});

test('a fact that took long to read is read less often', () => {
  const start = program.start(SIZE, 0);
  const slow = start.effects.reduce((reached, effect) => {
    if (effect.type !== 'read') return reached;
    const fact = { name: effect.name, value: null, problem: 'not of interest' };
    const took = effect.name === 'health' ? 4_000 : 10;
    return update(reached, { type: 'fact', turn: effect.turn, took, fact }).state;
  }, start.state);
  expect(namesOf(tick(slow, 15_000).effects)).not.toContain('health');
  expect(namesOf(tick(slow, 20_000).effects)).toContain('health');
});

test('facts are not read while no screen shows them, and are read at once when one does', () => {
  const start = program.start(SIZE, 0);
  const logs = press(answered(start.state, start.effects), '6');
  const later = tick(logs.state, 20_000);
  expect(namesOf(later.effects)).toEqual([]);
  const escaped = update(later.state, { type: 'key', key: { name: 'f1' } });
  expect(namesOf(escaped.effects)).toContain('host');
});

test('a change of the network is read at once, and the next one is awaited', () => {
  const start = program.start(SIZE, 0);
  const { effects } = update(answered(start.state, start.effects), { type: 'network-changed' });
  expect(namesOf(effects)).toEqual(['network', 'host', 'health']);
  expect(effects).toContainEqual({ type: 'await-network-change' });
});

test('an answer to an outdated read is ignored', () => {
  const { state } = program.start(SIZE, 0);
  const changed = update(state, { type: 'network-changed' });
  const old: Event = {
    type: 'fact',
    turn: 1,
    took: 0,
    fact: { name: 'network', value: { ...NETWORK, hostname: 'before' }, problem: null },
  };
  const after = update(changed.state, old).state;
  expect(after.facts.network.value).toBeNull();
  const fresh: Event = {
    type: 'fact',
    turn: 2,
    took: 0,
    fact: { name: 'network', value: NETWORK, problem: null },
  };
  expect(update(after, fresh).state.facts.network.value).toEqual(NETWORK);
});

test('a fact that can no longer be read is shown as unknown', () => {
  const { state } = program.start(SIZE, 0);
  const known = update(state, {
    type: 'fact',
    turn: 1,
    took: 0,
    fact: { name: 'host', value: HOST, problem: null },
  });
  expect(known.state.facts.host.value).toEqual(HOST);
  const again = tick(known.state, 5_000);
  const lost = update(again.state, {
    type: 'fact',
    turn: 2,
    took: 0,
    fact: { name: 'host', value: null, problem: 'gone' },
  });
  expect(lost.state.facts.host).toEqual({ value: null, problem: 'gone' });
});

test('a log is followed only while its end is shown', () => {
  const opened = press(program.start(SIZE, 0).state, '5');
  expect(namesOf(opened.effects)).toEqual(['systemLog']);
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
  const fact = { name: 'systemLog' as const, value: lines, problem: null };
  const read = update(opened.state, { type: 'fact', turn: 1, took: 0, fact }).state;
  expect(namesOf(tick(read, 5_000).effects)).toEqual(['systemLog']);
  const scrolled = update(read, { type: 'key', key: { name: 'up' } }).state;
  expect(namesOf(tick(scrolled, 5_000).effects)).toEqual([]);
  const end = update(scrolled, { type: 'key', key: { name: 'end' } }).state;
  expect(namesOf(tick(end, 5_000).effects)).toEqual(['systemLog']);
});

test('the remaining seconds of a trial count down between two reads of the network', () => {
  const { state } = program.start(SIZE, 0);
  const [eth0] = NETWORK.interfaces;
  const value = { ...NETWORK, interfaces: [{ ...eth0!, confirm: 90 }] };
  const fact = { name: 'network' as const, value, problem: null };
  const known = update(state, { type: 'fact', turn: 1, took: 0, fact }).state;
  const shown = (now: number) => {
    const { lines } = program.view(tick(known, now).state);
    return lines.map((line) => line.map(({ text }) => text).join('')).join('\n');
  };
  expect(shown(0)).toMatch(/eth0: undone in 90 s/);
  expect(shown(40_000)).toMatch(/eth0: undone in 50 s/);
  expect(shown(120_000)).toMatch(/eth0: undone in 0 s/);
});
