import type { Line, Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, type List, moveInList } from '../kit/list.ts';
import type { State, Step } from '../state.ts';

/** A command of a screen: run with its letter, or with Enter if it is selected. */
export interface Command {
  letter: string;
  text: string;
  run(state: State): Step;
}

/** Returns the command of a key, or the list after the key. */
export function findCommand(
  list: List,
  commands: readonly Command[],
  key: Key,
): { command: Command } | { list: List } {
  const command =
    key.name === 'enter'
      ? getSelected(list, commands)
      : commands.find((one) => one.letter === getLetter(key));
  if (command !== undefined) return { command };
  return { list: moveInList(list, key, { length: commands.length, page: commands.length }) };
}

/** Draws commands, one per line. */
export function drawCommands(list: List, commands: readonly Command[], { columns }: Size): Line[] {
  const texts = commands.map((one) => `${one.letter}  ${one.text}`);
  return drawList(list, texts, { columns, rows: commands.length });
}
