import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A program for tests, which imports an npm package. */
const PROGRAM = `import { z } from 'zod';
export async function main(args: string[]): Promise<number> {
  process.stdout.write(\`hello \${z.string().parse(args[0])}\\n\`);
  return 3;
}
`;

/** Adds the program `qx-hello` to a copy of the project, and to the profile of QvDC. */
export async function addHello(projectDirectory: string): Promise<void> {
  const apps = join(projectDirectory, 'apps');
  await mkdir(join(apps, 'hello'));
  await writeFile(join(apps, 'hello/main.ts'), PROGRAM);
  await edit(
    join(apps, 'programs.ts'),
    /export const PROGRAMS: .* = \{/,
    "$& 'qx-hello': () => import('./hello/main.ts'),",
  );
  await edit(join(projectDirectory, 'profiles/qvdc.ts'), /programs: \[/, "$&'qx-hello', ");
}

async function edit(file: string, pattern: RegExp, replacement: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  if (!pattern.test(text)) throw new Error(`${file} has nothing like ${pattern}`);
  await writeFile(file, text.replace(pattern, replacement));
}
