import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Size } from '../../apps/console/kit/frame.ts';
import { withScreens } from './document.ts';
import { DOCUMENT, goldenFile, INSTALLING, SIZES } from './files.ts';
import { INSTALLER_SCENES } from './installer-scenes.ts';
import { render, renderInstaller } from './render.ts';
import { SCENES } from './scenes.ts';

/** `make screens`: pictures of all screens, for the tests and for the documents. */
await draw(DOCUMENT, SCENES, render);
await draw(INSTALLING, INSTALLER_SCENES, renderInstaller);

async function draw<Scene extends { name: string }>(
  document: string,
  scenes: readonly Scene[],
  picture: (scene: Scene, size: Size) => Promise<string>,
): Promise<void> {
  const pictures = new Map<string, string>();
  for (const scene of scenes) {
    for (const size of SIZES) {
      const drawn = await picture(scene, size);
      const file = goldenFile(scene.name, size);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, drawn);
      if (size === SIZES[0]) pictures.set(scene.name, drawn);
    }
  }
  await writeFile(document, withScreens(await readFile(document, 'utf8'), pictures));
}
