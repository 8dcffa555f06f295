import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startGuests } from '../../../../apps/guests/start.ts';
import { stopGuests } from '../../../../apps/guests/stop.ts';
import { temporaryFolder } from '../../folder.ts';
import { behindVirsh, type Daemon, LIBVIRT_IS_HERE, libvirtDaemon } from '../libvirt/daemon.ts';

const here = test.runIf(LIBVIRT_IS_HERE);

const idOf = (number: number) => `9f1b2c3d-0000-4000-8000-00000000000${number}`;

/** Returns a definition for the test driver, with a policy if one is given. */
const definition = (name: string, number: number, policy = '') =>
  `<domain type='test'><name>${name}</name><uuid>${idOf(number)}</uuid>${
    policy === '' ? '' : `<metadata><q:guest xmlns:q="urn:quantix:guest:1" ${policy}/></metadata>`
  }<memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`;

async function world() {
  const daemon = await libvirtDaemon();
  await daemon.start();
  // The test does not use the driver's own machine.
  await daemon.virsh('destroy', 'test');
  const folder = await temporaryFolder();
  const places = {
    ran: join(folder, 'ran'),
    stopping: join(folder, 'run/stopping'),
    cutShort: join(folder, 'run/cut-short'),
  };
  await mkdir(places.ran);
  const said: string[] = [];
  const common = { libvirt: { uri: daemon.uri }, places, say: (line: string) => said.push(line) };
  return {
    daemon,
    common,
    places,
    said,
    stop: (within: number) => stopGuests({ ...common, within }),
    start: (startWhatRan: boolean) => startGuests({ ...common, settings: { startWhatRan } }),
  };
}

const running = async ({ virsh }: Daemon) =>
  (await virsh('list', '--name'))
    .split('\n')
    .filter((name) => name.trim() !== '')
    .sort();

/** Starts a guest that ignores requests to shut down, because virsh does not pass them on. */
async function unresponsiveGuest({ virsh, define }: Daemon): Promise<void> {
  await behindVirsh('for word; do [ "$word" != shutdown ] || exit 0; done');
  await define(definition('deaf', 9));
  await virsh('start', 'deaf');
}

here(
  'guests are asked to shut down; paused ones, and those whose policy says so, are saved instead',
  async () => {
    const { daemon, stop, said } = await world();
    await daemon.define(definition('mail', 1));
    await daemon.define(definition('web', 2, 'stop="save"'));
    await daemon.define(definition('idle', 3));
    await daemon.define(definition('off', 4));
    for (const name of ['mail', 'web', 'idle']) await daemon.virsh('start', name);
    await daemon.virsh('suspend', 'idle');
    await expect(stop(30)).resolves.toEqual([]);
    expect(await running(daemon)).toEqual([]);
    const saved = (await daemon.virsh('list', '--all', '--name', '--with-managed-save')).trim();
    expect(saved.split('\n').sort()).toEqual(['idle', 'web']);
    expect(said).toEqual(['3 guests have 30 s to shut down', 'all guests have shut down']);
  },
);

here(
  'a guest that does not shut down is powered off when its time is over, and is named',
  async () => {
    const { daemon, stop, said } = await world();
    await unresponsiveGuest(daemon);
    await expect(stop(1)).resolves.toEqual(['deaf']);
    expect(await running(daemon)).toEqual([]);
    expect(said.at(-1)).toBe('cutting the power of deaf');
  },
);

here('the wait for guests is reported while it lasts, and can be ended early', async () => {
  const { daemon, stop, places } = await world();
  await unresponsiveGuest(daemon);
  const stopped = stop(600);
  const told = () => readFile(places.stopping, 'utf8');
  await vi.waitFor(
    async () => expect(await told()).toMatch(/^1 of 1 guests still run, \d+ s left: deaf$/m),
    {
      timeout: 30_000,
    },
  );
  await writeFile(places.cutShort, '');
  await expect(stopped).resolves.toEqual(['deaf']);
});

here(
  'after a boot, the guests that are marked for it start in their order, and only once',
  async () => {
    const { daemon, start, said, places } = await world();
    await daemon.define(definition('third', 1));
    await daemon.define(definition('second', 2, 'order="20"'));
    await daemon.define(definition('first', 3, 'order="3"'));
    await daemon.define(definition('not marked', 4));
    for (const name of ['first', 'second', 'third']) await daemon.virsh('autostart', name);
    await writeFile(join(places.ran, idOf(4)), '');
    await expect(start(false)).resolves.toEqual([]);
    expect(said).toEqual(['first is started', 'second is started', 'third is started']);
    // A host with running guests does not start them again.
    await expect(start(false)).resolves.toEqual([]);
    expect(said).toHaveLength(3);
  },
);

here(
  'guests that ran before are started if that is configured; saved guests go on in any case',
  async () => {
    const { daemon, start, stop, places } = await world();
    await daemon.define(definition('ran', 1));
    await daemon.define(definition('saved', 2, 'stop="save"'));
    await daemon.define(definition('had ended', 3));
    await daemon.virsh('start', 'saved');
    await stop(30);
    // As the service does at the next boot.
    await rm(places.stopping);
    for (const number of [1, 2]) await writeFile(join(places.ran, idOf(number)), '');
    await start(false);
    expect(await running(daemon)).toEqual(['saved']);
    await start(true);
    expect(await running(daemon)).toEqual(['ran', 'saved']);
  },
);

here(
  'guests that wait for their turn to start are not started once the host goes down',
  async () => {
    const { daemon, start, places, said } = await world();
    await daemon.define(definition('first', 1, 'order="1"'));
    await daemon.define(definition('second', 2, 'order="2"'));
    for (const name of ['first', 'second']) await daemon.virsh('autostart', name);
    await mkdir(dirname(places.stopping));
    // The host begins to go down while its first guest starts.
    await behindVirsh(`for word; do [ "$word" != start ] || : >'${places.stopping}'; done`);
    await expect(start(false)).resolves.toEqual([]);
    expect(await running(daemon)).toEqual(['first']);
    expect(said).toEqual(['first is started', 'the host goes down: no further guest is started']);
  },
);

here('a guest that starts while the host stops its guests is stopped too', async () => {
  const { daemon, stop, said } = await world();
  await daemon.define(definition('late', 1));
  await daemon.define(definition('mail', 2));
  await daemon.virsh('start', 'mail');
  const uri = `--connect '${daemon.uri}'`;
  // Its start was under way when the running guests were listed.
  await behindVirsh(
    `for word; do [ "$word" != shutdown ] || $virsh ${uri} start late >/dev/null 2>&1; done`,
  );
  await expect(stop(30)).resolves.toEqual([]);
  expect(await running(daemon)).toEqual([]);
  expect(said.at(-1)).toBe('all guests have shut down');
});

here('without libvirt, guests do not count as stopped', async () => {
  const { daemon, stop } = await world();
  await daemon.kill();
  await expect(stop(1)).rejects.toThrow('libvirt is not running');
});

here(
  'if libvirt is away when the host shuts down, it is waited for, and no guest is powered off',
  async () => {
    const { daemon, stop, said } = await world();
    await daemon.define(definition('mail', 1));
    await daemon.virsh('start', 'mail');
    const away = await libvirtCanBeAway();
    await away.begin();
    const stopped = stop(600);
    await vi.waitFor(() => expect(said.at(-1)).toMatch(/^libvirt is waited for: /), 30_000);
    await away.end();
    await expect(stopped).resolves.toEqual([]);
    expect(await running(daemon)).toEqual([]);
    expect(said.at(-1)).toBe('all guests have shut down');
  },
);

here(
  'if libvirt goes away while guests shut down, it is waited for, unless the wait is ended early',
  async () => {
    const { daemon, stop, said, places } = await world();
    await unresponsiveGuest(daemon);
    const away = await libvirtCanBeAway();
    const stopped = stop(600);
    const waits = () => expect(said.at(-1)).toMatch(/^libvirt is waited for: /);
    await vi.waitFor(() => expect(said).toEqual(['1 guests have 600 s to shut down']), 30_000);
    await away.begin();
    await vi.waitFor(waits, 30_000);
    expect(await readFile(places.stopping, 'utf8')).toMatch(/^libvirt is waited for: /);
    await away.end();
    await vi.waitFor(
      async () =>
        expect(await readFile(places.stopping, 'utf8')).toMatch(/^1 of 1 guests still run/),
      30_000,
    );
    await away.begin();
    await vi.waitFor(
      async () =>
        expect(await readFile(places.stopping, 'utf8')).toMatch(/^libvirt is waited for: /),
      30_000,
    );
    await writeFile(places.cutShort, '');
    await expect(stopped).rejects.toMatchObject({ failure: 'unavailable' });
  },
);

/** Makes libvirt unreachable for a time; its guests keep running. */
async function libvirtCanBeAway() {
  const sign = join(await temporaryFolder(), 'away');
  const words =
    "error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/run/libvirt-sock': Connection refused";
  await behindVirsh(`[ ! -e ${sign} ] || { echo "${words}" >&2; exit 1; }`);
  return { begin: () => writeFile(sign, ''), end: () => rm(sign) };
}

here(
  'if libvirt answers late after a boot, it is waited for, and then the guests start',
  async () => {
    const { daemon, common, said } = await world();
    await daemon.kill();
    const { promise: isBack, resolve: goOn } = Promise.withResolvers<void>();
    const clock = { sleep: () => isBack };
    const started = startGuests({ ...common, settings: { startWhatRan: false }, clock });
    await vi.waitFor(
      () => expect(said).toEqual([expect.stringMatching(/^waiting for libvirt: /)]),
      30_000,
    );
    await daemon.start();
    await daemon.virsh('destroy', 'test');
    await daemon.define(definition('mail', 1));
    await daemon.virsh('autostart', 'mail');
    goOn();
    await expect(started).resolves.toEqual([]);
    expect(await running(daemon)).toEqual(['mail']);
  },
);

here('the start of guests does not wait for libvirt if the host shuts down meanwhile', async () => {
  const { daemon, common, places } = await world();
  await daemon.kill();
  await mkdir(dirname(places.stopping));
  await writeFile(places.stopping, '');
  const clock = { sleep: async () => undefined };
  const started = startGuests({ ...common, settings: { startWhatRan: true }, clock });
  await expect(started).rejects.toMatchObject({ failure: 'unavailable' });
});
