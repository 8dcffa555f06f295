import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import type { TestProject } from 'vitest/node';
import { z } from 'zod';
import { run } from '../../build/process/run.ts';

export const PROJECT = resolve(import.meta.dirname, '../..');

/** The images under test, and the kernel and initramfs on each of them. */
export interface Image {
  iso: string;
  kernel: string;
  initramfs: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** Profile → image. */
    images: Record<string, Image>;
  }
}

const builtSchema = z.object({ event: z.literal('built'), image: z.string(), file: z.string() });

/** Before the tests: builds both ISOs as a user would; does nothing if they are up to date. */
export default async function buildImages(project: TestProject): Promise<void> {
  const { stdout } = await execa(process.execPath, ['tasks/qx-build.ts', 'iso', '--json'], {
    cwd: PROJECT,
  });
  const images: Record<string, Image> = {};
  for (const [name, iso] of parseBuilt(stdout)) images[name] = await describe(name, iso);
  project.provide('images', images);
}

/** Builds one image as a user would. @returns its file */
export async function buildImage(profile: string, ...options: readonly string[]): Promise<string> {
  const args = ['iso', '--json', '--profile', profile, ...options];
  const { stdout } = await execa(process.execPath, ['tasks/qx-build.ts', ...args], {
    cwd: PROJECT,
  });
  const file = parseBuilt(stdout).get(profile);
  if (file === undefined) throw new Error(`no image of ${profile} was built`);
  return file;
}

/** The results of `qx-build iso --json`: name of the image → path of the ISO. */
export function parseBuilt(events: string): Map<string, string> {
  const built = new Map<string, string>();
  for (const line of events.split('\n')) {
    const event = builtSchema.safeParse(JSON.parse(line));
    if (event.success) built.set(event.data.image, event.data.file);
  }
  return built;
}

async function describe(name: string, iso: string): Promise<Image> {
  const directory = join(PROJECT, 'dist/tests', name);
  await mkdir(directory, { recursive: true });
  const [kernel, initramfs] = [join(directory, 'vmlinuz'), join(directory, 'initramfs')];
  const extract = ['-extract', '/boot/vmlinuz', kernel, '-extract', '/boot/initramfs', initramfs];
  await run('xorriso', ['-osirrox', 'on', '-overwrite', 'on', '-indev', iso, ...extract]);
  return { iso, kernel, initramfs };
}
