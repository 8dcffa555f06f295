import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { withScreens } from './document.ts';
import { DOCUMENT, goldenFile, SIZES } from './files.ts';
import { render } from './render.ts';
import { SCENES } from './scenes.ts';

/** `make screens`: pictures of all screens, for the tests and for the document. */
const pictures = new Map<string, string>();
for (const scene of SCENES) {
  for (const size of SIZES) {
    const picture = await render(scene, size);
    const file = goldenFile(scene.name, size);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, picture);
    if (size === SIZES[0]) pictures.set(scene.name, picture);
  }
}
await writeFile(DOCUMENT, withScreens(await readFile(DOCUMENT, 'utf8'), pictures));
