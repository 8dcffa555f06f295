import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { main } from '../../../tasks/command-line.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();
const IMAGE = ['--profile', 'qvdc', '--base', 'debian', '--offline'];

/** Gives the test an empty cache. */
async function emptyCache(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-show-'));
  vi.stubEnv('QUANTIX_CACHE', folder);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });
}

test('show profile prints the keys for one base and architecture, as YAML and as an event', async () => {
  await emptyCache();
  expect(await main(['show', 'profile', ...IMAGE])).toBe(0);
  const profile = parse(output.printed);
  expect(profile).toMatchObject({ name: 'qvdc', architecture: 'x86_64', base: 'debian' });
  expect(profile.debian.packages).toContain('openrc');
  expect(profile).not.toHaveProperty('bases');
  output.printed = '';
  expect(await main(['show', 'profile', ...IMAGE, '--json'])).toBe(0);
  expect(JSON.parse(output.printed)).toEqual({
    ...{ event: 'profile', image: 'qvdc', base: 'debian', architecture: 'x86_64', flavour: 'full' },
    profile,
  });
});

test('the additions of a build are shown, and reported as not being in profile and lock', async () => {
  await emptyCache();
  const added = ['--cmdline', 'nomodeset quantix.debug'];
  expect(await main(['show', 'profile', ...IMAGE, ...added])).toBe(0);
  const [line = '', ...yaml] = output.printed.split('\n');
  expect(line).toBe(
    'qvdc: this image differs from its profile and lock: it is built with --cmdline "nomodeset quantix.debug"',
  );
  const profile = parse(yaml.join('\n'));
  expect(profile.added).toEqual({ packages: [], cmdline: ['nomodeset', 'quantix.debug'] });
  expect(profile.cmdline.slice(-2)).toEqual(['nomodeset', 'quantix.debug']);
});

test('a kernel parameter that is special to GRUB is refused before anything is done', async () => {
  await emptyCache();
  expect(await main(['show', 'profile', ...IMAGE, '--cmdline', 'a=$root'])).toBe(1);
  expect(output.complained).toContain('"a=$root" must be one word of letters');
  expect(output.printed).toBe('');
});

test('show packages prints which packages were requested, and which are unknown', async () => {
  await emptyCache();
  expect(await main(['show', 'packages', ...IMAGE])).toBe(0);
  const lines = output.printed.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^Package +Version +Installed +Why$/);
  expect(lines.find((line) => line.startsWith('openrc '))).toMatch(/ \? +asked for$/);
  expect(lines.find((line) => line.startsWith('libc6 '))).toMatch(/ \? +not known$/);
  expect(lines.at(-1)).toMatch(
    /^qvdc: \d+ packages are not in the cache, .+ A build fetches them\.$/,
  );
});
