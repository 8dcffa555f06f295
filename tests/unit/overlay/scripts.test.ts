import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { PROJECT } from '../profile/profiles.ts';

const OVERLAY = join(PROJECT, 'overlay');

/** Files of the overlays, as paths relative to their folder. */
const files = readdirSync(OVERLAY, { recursive: true, withFileTypes: true })
  .filter((file) => file.isFile())
  .map((file) => join(file.parentPath, file.name).slice(OVERLAY.length + 1))
  .sort();

const textOf = (file: string) => readFileSync(join(OVERLAY, file), 'utf8');
const firstLine = (file: string) => textOf(file).split('\n', 1)[0] ?? '';
const services = files.filter((file) => firstLine(file) === '#!/sbin/openrc-run');
const scripts = files.filter((file) => /^#!\/bin\/(busybox )?sh$/.test(firstLine(file)));

/** Returns a program's findings about these files; empty if there are none. */
async function complaints(command: string, args: string[], paths: string[]): Promise<string> {
  const { all, exitCode } = await execa(command, [...args, ...paths], {
    cwd: OVERLAY,
    all: true,
    reject: false,
  });
  return exitCode === 0 ? '' : `${all}`;
}

test('the first line of every script names one of three interpreters', () => {
  const others = files.filter((file) => firstLine(file).startsWith('#!'));
  expect(others.filter((file) => !services.includes(file) && !scripts.includes(file))).toEqual([]);
  expect(services.length).toBeGreaterThan(15);
  expect(scripts).toContain('initramfs/init');
});

/** Milliseconds for shellcheck, which needs ten seconds on an idle processor. */
const CHECK = 120_000;

test('shellcheck finds nothing in scripts', { timeout: CHECK }, async () => {
  expect(await complaints('shellcheck', ['--shell=sh', '--format=gcc'], scripts)).toBe('');
});

test('shellcheck finds nothing in services, whose variables openrc-run reads', {
  timeout: CHECK,
}, async () => {
  const args = ['--shell=sh', '--format=gcc', '--exclude=SC2034'];
  expect(await complaints('shellcheck', args, services)).toBe('');
});

test('busybox can parse every script', async () => {
  const reading = 'status=0; for file; do busybox sh -n "$file" || status=1; done; exit $status';
  const args = ['sh', '-c', reading, 'sh'];
  expect(await complaints('busybox', args, [...scripts, ...services])).toBe('');
});

/** Whether a file is part of programs, which source it. */
const isPart = (file: string) =>
  /^(?:common|quantix-os|qvdc)\/usr\/lib\/quantix\/.*\.sh$/.test(file);

test('scripts and services are executable, and nothing else is', () => {
  const executable = files.filter((file) => {
    try {
      accessSync(join(OVERLAY, file), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  const programs = scripts.filter((file) => !isPart(file));
  expect(executable).toEqual([...programs, ...services].sort());
});

test('every file has LF line ends, also at its end', () => {
  expect(files.filter((file) => textOf(file).includes('\r'))).toEqual([]);
  expect(files.filter((file) => !textOf(file).endsWith('\n'))).toEqual([]);
});

test('every service has a description', () => {
  const silent = services.filter((file) => !/^description=./m.test(textOf(file)));
  expect(silent).toEqual([]);
});
