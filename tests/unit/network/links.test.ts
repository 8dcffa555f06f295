import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { Random } from '../../fuzz/random.ts';
import { temporaryFolder } from '../folder.ts';

const PARTS = resolve(import.meta.dirname, '../../../overlay/common/usr/lib/quantix/network');
const WORLDS = 6;

/** Prints a line for each requested link, with the links that would be made, in their order; makes nothing. */
const ORDER = `
for part in message address address6 config keys interface store links; do . "$1/$part.sh"; done
NET=/nowhere RUN=$2/run SESSION=$2/session PERSISTENT=$2/files interface=''
lock() { :; }
unlock() { :; }
make_link() { printf '%s ' "$1"; }
shift 2
for one; do
	(load "$one" && ensure_link "$one") 2>/dev/null
	echo
done`;

interface World {
  /** Link → links that it needs. */
  needs: Map<string, string[]>;
}

/** Links with random dependencies, also circular ones. */
function makeWorld(random: Random): World {
  const names = Array.from({ length: 2 + random.below(7) }, (_, index) => `link${index}`);
  const needs = new Map<string, string[]>();
  for (const name of names) {
    const among = [...names.filter(() => random.below(4) === 0), `eth${random.below(3)}`];
    needs.set(name, random.below(3) === 0 ? among.slice(0, 1) : among);
  }
  return { needs };
}

/** Returns all links that a link needs, directly or indirectly; itself only if it is in a circle. */
function reach({ needs }: World, name: string, found = new Set<string>()): Set<string> {
  for (const one of needs.get(name) ?? []) {
    if (found.has(one) || !needs.has(one)) continue;
    found.add(one);
    reach({ needs }, one, found);
  }
  return found;
}

test.each([
  ['busybox', ['busybox', 'sh']],
  ['dash', ['dash']],
] as const)(
  'links are ordered after the links that they need, and a circle does not affect others (%s)',
  async (_, shell) => {
    const [program, ...args] = shell;
    for (let seed = 0; seed < WORLDS; seed++) {
      const random = new Random(seed);
      const world = makeWorld(random);
      const folder = await temporaryFolder();
      await mkdir(join(folder, 'files'));
      const names = [...world.needs.keys()];
      for (const name of names) {
        const lines = ['TYPE=bridge', `PORTS=${world.needs.get(name)?.join(',')}`, 'METHOD=off'];
        await writeFile(join(folder, 'files', `${name}.conf`), `${lines.join('\n')}\n`);
      }
      const command = [...args, '-c', ORDER, 'sh', PARTS, folder, ...names];
      const { stdout } = await execa(program, command, { env: { LC_ALL: 'C' } });
      const lines = stdout.split('\n');
      for (const [index, name] of names.entries()) {
        const made = (lines[index] ?? '').split(' ').filter((word) => word !== '');
        const circular = (one: string) => reach(world, one).has(one);
        const wanted = [...reach(world, name), name].filter((one) => !circular(one));
        const where = `world ${seed}, ${name}`;
        // A link in a circle is not made; all others are.
        expect(made.includes(name), where).toBe(!circular(name));
        expect(wanted, where).toEqual(expect.arrayContaining(made));
        for (const [place, one] of made.entries()) {
          for (const need of world.needs.get(one) ?? []) {
            if (world.needs.has(need) && !circular(need)) {
              expect(made.slice(0, place), `${where}: ${one} needs ${need}`).toContain(need);
            }
          }
        }
      }
    }
  },
);

test('when a bridge is removed its port, a VLAN, stays a VLAN and gets the bridge’s configuration', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'files'));
  const own = 'TYPE=vlan\nLINK=bond0\nVLAN_ID=7\nIP_ADDRESS=10.0.0.7\nPREFIX=24\n';
  await writeFile(join(folder, 'files/lan7.conf'), own);
  const bridge = 'TYPE=bridge\nPORTS=lan7\nIP_ADDRESS=10.0.0.8\nPREFIX=24\nMTU=9000\n';
  await writeFile(join(folder, 'files/br7.conf'), bridge);
  const script = `
for part in message address address6 config keys interface store links link-commands; do . "$1/$part.sh"; done
NET=/nowhere RUN=$2/run SESSION=$2/session PERSISTENT=$2/files interface='' keep=persistent
is_persistent() { :; }
forget_files lan7
load_link br7 && become_port_plan lan7 && complete_plan && write_plan`;
  const { stdout } = await execa('dash', ['-c', script, 'sh', PARTS, folder]);
  expect(stdout).toBe(
    'METHOD=static\nIP_ADDRESS=10.0.0.8\nPREFIX=24\nTYPE=vlan\nLINK=bond0\nVLAN_ID=7\nMTU=9000',
  );
  expect(await readFile(join(folder, 'files/lan7.conf'), 'utf8')).toBe(own);
});
