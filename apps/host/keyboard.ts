import { join } from 'node:path';
import { readNames, readText } from './read.ts';

/** Keyboard layouts of the console. */
export interface Keyboard {
  /** Name of the layout in use. */
  chosen: string;
  layouts: { name: string; title: string }[];
}

/** The kernel's own layout. */
const BUILT_IN = 'us';

/** Reads the layouts that qx-keyboard offers, and the stored one. @param root folder that contains the files */
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
