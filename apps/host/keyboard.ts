import { join } from 'node:path';
import { readNames, readText } from './read.ts';

/** Layouts of the keyboard at the screen. */
export interface Keyboard {
  /** The name of the one that counts. */
  chosen: string;
  layouts: { name: string; title: string }[];
}

/** The layout that the kernel comes with. */
const BUILT_IN = 'us';

/** Layouts that qx-keyboard has, and the one that it keeps. @param root folder in which the files are */
export async function readKeyboard(root = '/'): Promise<Keyboard> {
  const folder = join(root, 'usr/share/quantix/keymaps');
  const names = (await readNames(folder)).flatMap(
    (file) => /^([a-z]+)\.map$/.exec(file)?.[1] ?? [],
  );
  const layouts = await Promise.all(
    names.sort().map(async (name) => {
      const text = await readText(join(folder, `${name}.map`));
      return { name, title: /^# (.*)$/m.exec(text)?.[1] ?? name };
    }),
  );
  const kept = (await readText(join(root, 'quantix/keyboard'))).trim();
  return { chosen: names.includes(kept) ? kept : BUILT_IN, layouts };
}
