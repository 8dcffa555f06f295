import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../../folder.ts';

/** Files of a machine by their path; text that begins with `-> ` is a link, a path that ends with `/` a folder. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Makes a folder that looks like a machine's root. @returns the folder, which is removed after the test */
export async function makeRootFolder(files: Files): Promise<string> {
  const root = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    const place = join(root, path);
    await mkdir(path.endsWith('/') ? place : dirname(place), { recursive: true });
    if (path.endsWith('/')) continue;
    if (typeof content === 'string' && content.startsWith('-> ')) {
      await symlink(content.slice(3), place);
    } else {
      await writeFile(place, content);
    }
  }
  return root;
}

/** Files of one folder: prefixes their names with its path. */
export function inside(folder: string, files: Files): Files {
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]),
  );
}
