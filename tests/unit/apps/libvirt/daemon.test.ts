import { expect, test, vi } from 'vitest';
import type { Vms } from '../../../../apps/api/vms.ts';
import {
  defineVm,
  destroyVm,
  shutdownVm,
  startVm,
  undefineVm,
} from '../../../../apps/libvirt/domain.ts';
import type { VmEvent } from '../../../../apps/libvirt/follow-events.ts';
import { followEvents } from '../../../../apps/libvirt/follow-events.ts';
import { readVms } from '../../../../apps/libvirt/read-vms.ts';
import { watchVms } from '../../../../apps/libvirt/watch-vms.ts';
import type { Finished } from '../../folder.ts';
import { LIBVIRT_IS_HERE, libvirtDaemon } from './daemon.ts';

const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';
const NAME = "it's event 'lifecycle' for 1: x";

/** The definition of a machine of the test driver. */
function definition({ name, id }: { name: string; id?: string }): string {
  const uuid = id === undefined ? '' : `<uuid>${id}</uuid>`;
  const os = '<os><type>hvm</type></os>';
  return `<domain type='test'><name>${name}</name>${uuid}<memory unit='MiB'>64</memory><vcpu>2</vcpu>${os}</domain>`;
}

async function startedDaemon(finished: Finished) {
  const daemon = await libvirtDaemon(finished);
  await daemon.start();
  return daemon;
}

/** Starts a watch, and keeps its reports. */
function watching(uri: string, finished: Finished): Vms[] {
  const seen: Vms[] = [];
  const stop = new AbortController();
  const watch = watchVms({ uri, signal: stop.signal, onChange: (vms) => seen.push(vms) });
  finished(async () => {
    stop.abort();
    await watch.ended;
  });
  return seen;
}

const soon = { timeout: 30_000, interval: 20 };

/** The tests run at the same time: each has its own daemon, and mostly waits for it. */
const AT_ONCE = { concurrent: true, timeout: 300_000 };

const here = test.runIf(LIBVIRT_IS_HERE);

here(
  'a VM is defined, started, ended and undefined through libvirt',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const { uri } = await startedDaemon(onTestFinished);
    const vm = async () => (await readVms({ uri })).vms.find(({ id }) => id === ID);

    await expect(defineVm({ uri }, definition({ name: NAME, id: ID }))).resolves.toBe(ID);
    expect(await vm()).toEqual({
      id: ID,
      name: NAME,
      state: 'shutoff',
      cpus: 2,
      memory: 64 * 1024 * 1024,
      persistent: true,
      autostart: false,
    });
    await startVm({ uri }, ID);
    expect((await vm())?.state).toBe('running');
    await expect(startVm({ uri }, ID)).rejects.toMatchObject({
      failure: 'refused',
      message: expect.stringContaining('is already active'),
    });
    await destroyVm({ uri }, ID.toUpperCase());
    await startVm({ uri }, ID);
    await shutdownVm({ uri }, ID);
    expect((await vm())?.state).toBe('shutoff');
    await undefineVm({ uri }, ID);
    expect(await vm()).toBeUndefined();
    await expect(destroyVm({ uri }, ID)).rejects.toMatchObject({ failure: 'not-found' });
  },
);

here(
  'a definition without a UUID gets one, also if its name is a number',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const { uri, virsh } = await startedDaemon(onTestFinished);
    const id = await defineVm({ uri }, definition({ name: '1' }));
    expect(await virsh('domname', id)).toBe('1');
  },
);

here(
  'a definition that libvirt rejects is refused with the message of libvirt',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const { uri } = await startedDaemon(onTestFinished);
    await expect(defineVm({ uri }, '<domain>')).rejects.toMatchObject({
      failure: 'invalid',
      message: expect.stringContaining('Premature end of data in tag domain'),
    });
    await expect(defineVm({ uri }, '')).rejects.toMatchObject({ failure: 'invalid' });
    await expect(defineVm({ uri }, definition({ name: 'a/b' }))).rejects.toMatchObject({
      failure: 'invalid',
      message: expect.stringContaining("name a/b cannot contain '/'"),
    });
    await expect(defineVm({ uri }, definition({ name: 'test' }))).rejects.toMatchObject({
      failure: 'refused',
      message: expect.stringContaining('already exists'),
    });
  },
);

here('a watch shows what other clients of libvirt do', AT_ONCE, async ({ onTestFinished }) => {
  const { uri, virsh, define } = await startedDaemon(onTestFinished);
  const seen = watching(uri, onTestFinished);
  const states = () => seen.at(-1)?.vms.map(({ name, state }) => `${name} ${state}`);
  await vi.waitFor(() => expect(states()).toEqual(['test running']), soon);
  await define(definition({ name: 'web' }));
  await vi.waitFor(() => expect(states()).toContain('web shutoff'), soon);
  await virsh('start', 'web');
  await vi.waitFor(() => expect(states()).toContain('web running'), soon);
  await virsh('destroy', 'web');
  await virsh('undefine', 'web');
  await vi.waitFor(() => expect(states()).toEqual(['test running']), soon);
});

here(
  'libvirt reports each change of a VM until its daemon ends',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const { uri, virsh, kill } = await startedDaemon(onTestFinished);
    const events: VmEvent[] = [];
    const { signal } = new AbortController();
    const ended = followEvents({ uri, signal }, (event) => events.push(event));
    await vi.waitFor(async () => {
      await virsh('destroy', 'test');
      await virsh('start', 'test');
      expect(events).toContainEqual({ event: 'lifecycle', name: 'test', detail: 'Started Booted' });
    }, soon);
    await kill();
    expect(await ended).toContain('Disconnected');
  },
);

here(
  'without a daemon no VMs are reported, and once it is back they are reported again',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const daemon = await libvirtDaemon(onTestFinished);
    const seen = watching(daemon.uri, onTestFinished);
    await vi.waitFor(() => expect(seen).toHaveLength(1), soon);
    expect(seen[0]).toMatchObject({ libvirt: { available: false }, vms: [] });
    await daemon.start();
    await vi.waitFor(() => expect(seen.at(-1)?.vms).toHaveLength(1), soon);
    await daemon.kill();
    await vi.waitFor(() => expect(seen.at(-1)?.libvirt.available).toBe(false), soon);
    expect(seen.at(-1)?.vms).toEqual([]);
    await daemon.start();
    await vi.waitFor(() => expect(seen.at(-1)?.vms).toHaveLength(1), soon);
  },
);
