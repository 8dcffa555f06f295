import { expect, test } from 'vitest';
import type { Program } from '../../../../apps/console/kit/program.ts';
import { runProgram } from '../../../../apps/console/kit/run.ts';
import { HYPERVISOR, machine } from '../../../screens/machine.ts';
import { FakeTerminal } from '../../../screens/terminal.ts';
import { runConsole } from './run.ts';

const SIZE = { columns: 80, rows: 24 };
/** The final output on a terminal: plain style, an empty screen, a cursor. */
const RESTORED = '\x1b[0m\x1b[2J\x1b[H\x1b[?25h';

test('keys work while a command hangs and ignores its signal', async () => {
  const { deps } = machine({ restartService: () => new Promise(() => undefined) });
  const { terminal } = runConsole(deps);
  terminal.type('4');
  await terminal.see(/chronyd/);
  terminal.type('r');
  await terminal.see(/Restart chronyd\?/);
  terminal.type('y');
  await terminal.see(/\| Restarting chronyd \.\.\./);
  await terminal.see(/\/ Restarting chronyd \.\.\./);
  terminal.type('\x03');
  await terminal.see(/Cancelled/);
  terminal.type('\r1');
  await terminal.see(/- Status/);
});

test('a fact that is slow to read does not delay the others', async () => {
  const facts = { ...HYPERVISOR, pools: () => new Promise<never>(() => undefined) };
  const { terminal } = runConsole(machine({ facts }).deps);
  const text = await terminal.see(/Agent +ready/);
  expect(text).toMatch(/Storage pools +\.\.\./);
});

test('a fact that cannot be read is shown as not known, with the reason', async () => {
  const facts = {
    ...HYPERVISOR,
    vms: () => Promise.reject(new Error('the agent does not answer')),
  };
  const { terminal } = runConsole(machine({ facts }).deps);
  await terminal.see(/Virtual machines +not known: the agent does not answer/);
});

test('the screen is drawn again after each change of the terminal’s size, even to a single cell', async () => {
  const { terminal } = runConsole(machine().deps);
  await terminal.see(/backup/);
  terminal.resize({ columns: 132, rows: 43 });
  const wide = await terminal.see(/1 Status {3}2 Network/);
  expect(wide.split('\n')[0]?.endsWith('node7')).toBe(true);
  for (const size of [
    { columns: 40, rows: 10 },
    { columns: 8, rows: 3 },
    { columns: 1, rows: 1 },
  ]) {
    terminal.resize(size);
    terminal.type('2s6');
    await terminal.text();
    terminal.type('\x1b[11~');
  }
  terminal.resize(SIZE);
  await terminal.see(/- Status[\s\S]*9 Log-in/);
});

test('two changes of the screen write less than the whole screen twice', async () => {
  const { terminal } = runConsole(machine().deps);
  await terminal.see(/backup[\s\S]*SSH +off/);
  const before = terminal.written.length;
  terminal.type('x');
  terminal.type('2');
  await terminal.see(/Hardware/);
  terminal.type('\x1b[A');
  terminal.type('1');
  await terminal.see(/backup/);
  const cells = SIZE.columns * SIZE.rows;
  expect(terminal.written.length - before).toBeLessThan(2 * cells);
});

test('Ctrl-L draws the whole screen again', async () => {
  const { terminal } = runConsole(machine().deps);
  await terminal.see(/SSH +off/);
  terminal.output.write('\x1b[5;5Hline noise');
  await terminal.see(/line noise/);
  terminal.type('\x0c');
  expect(await terminal.see(/Processor/)).toBeTruthy();
  expect(await terminal.text()).not.toContain('line noise');
});

test('a console sets the terminal to raw mode and restores it', async () => {
  const { terminal, ended } = runConsole(machine().deps);
  await terminal.see(/Status/);
  expect(terminal.input.raw).toBe(true);
  terminal.type('q');
  expect(await ended).toBe(0);
  expect(terminal.input.raw).toBe(false);
  expect(terminal.written.endsWith(RESTORED)).toBe(true);
});

test('a hang-up of the line ends the console', async () => {
  const { terminal, ended } = runConsole(machine().deps);
  await terminal.see(/Status/);
  terminal.input.end();
  expect(await ended).toBe(0);
});

/** A program that fails at a key. */
function failing(at: 'update' | 'view'): Program<{ failed: boolean }, { type: 'none' }, 'none'> {
  const fail = (): never => {
    throw new Error(`${at} is broken`);
  };
  return {
    start: () => ({ state: { failed: false }, effects: [] }),
    update: (state, event) => {
      if (event.type !== 'key') return { state, effects: [] };
      return at === 'update' ? fail() : { state: { failed: true }, effects: [] };
    },
    view: ({ failed }) =>
      failed ? fail() : { lines: [[{ text: 'works', style: 'plain' }]], cursor: null },
    carryOut: async () => ({ type: 'none' }),
    canWait: () => false,
    tickAfter: () => 60_000,
    exitStatus: () => null,
  };
}

test.each(['update', 'view'] as const)(
  'a crash in %s restores the terminal, and is reported',
  async (at) => {
    const terminal = new FakeTerminal(SIZE);
    const ended = runProgram(failing(at), terminal, new AbortController().signal);
    const caught = ended.catch((error: unknown) => error);
    await terminal.see(/works/);
    terminal.type('x');
    expect(await caught).toMatchObject({ message: `${at} is broken` });
    expect(terminal.input.raw).toBe(false);
    expect(terminal.written.endsWith(RESTORED)).toBe(true);
  },
);
