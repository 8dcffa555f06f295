import type { Line, Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import type { State, Step } from '../state.ts';

/** Something that can be done on a screen: by its letter, or by Enter where it is selected. */
export interface Command {
  letter: string;
  text: string;
  run(state: State): Step;
}

/** The command that a key gives, or the list after the key. */
export function commandOf(
  list: List,
  commands: readonly Command[],
  key: Key,
): { command: Command } | { list: List } {
  const command =
    key.name === 'enter'
      ? selectedOf(list, commands)
      : commands.find((one) => one.letter === letter(key));
  if (command !== undefined) return { command };
  return { list: moveInList(list, key, { length: commands.length, page: commands.length }) };
}

/** Commands, one a line. */
export function viewCommands(list: List, commands: readonly Command[], { columns }: Size): Line[] {
  const texts = commands.map((one) => `${one.letter}  ${one.text}`);
  return viewList(list, texts, { columns, rows: commands.length });
}
