import { readFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { chooseAgent } from '../../../../../apps/agent/deployment/choose.ts';
import { deployAgent, undoDeployment } from '../../../../../apps/agent/deployment/deploy.ts';
import { readRecord } from '../../../../../apps/agent/deployment/record.ts';
import { cutAt } from './cuts.ts';
import { agentFile, BUILD, boot, type Host, idle, makeHost, writeAgent } from './host.ts';

vi.setConfig({ testTimeout: 120_000 });

const SILENT = { within: 1000, say: () => undefined, signal: AbortSignal.abort() };

/** Returns the text of the program that the service would start, or `image` for the image's own. */
async function started({ places }: Host): Promise<string> {
  const file = await chooseAgent(places, () => undefined);
  return file === undefined ? 'image' : await readFile(file, 'utf8');
}

/** Deploys an agent as far as possible without a running agent: until its trial begins. */
async function deployed(host: Host, version: string, serial: number): Promise<void> {
  const file = await writeAgent(host, agentFile({ says: { version, serial } }), `${version}.agent`);
  await deployAgent(file, host.places, SILENT).catch(() => undefined);
}

test('a power cut anywhere in a deployment leaves the previous or the new agent complete, and the deployment can be repeated', async () => {
  let whole = 0;
  for (let at = 0; whole === 0; at += 1) {
    const host = await makeHost();
    const file = await writeAgent(host, agentFile());
    const ended = await cutAt(at, () =>
      deployAgent(file, host.places, SILENT).catch((error: unknown) => {
        if (!String(error).includes('no longer waits')) throw error;
      }),
    );
    const runs = await started(host);
    expect(['image', idle('0.2.0')], `cut at ${at}`).toContain(runs);
    if (ended) {
      expect(runs).toBe(idle('0.2.0'));
      whole = at;
    }
    // Remains of a cut deployment do not prevent the next one; checking every fourth cut is enough.
    if (!ended && at % 4 !== 0) continue;
    if (runs !== 'image') await undoDeployment(host.places, SILENT).catch(() => undefined);
    await deployed(host, '0.3.0', 3);
    expect(await started(host), `cut at ${at}`).toBe(idle('0.3.0'));
  }
  expect(whole).toBeGreaterThan(20);
});

test('after a power cut anywhere in the choice of an agent, the start is counted or not, and a complete agent starts', async () => {
  for (let at = 0, ended = false; !ended; at += 1) {
    const host = await makeHost();
    await deployed(host, '0.2.0', 2);
    ended = await cutAt(at, () => chooseAgent(host.places, () => undefined));
    const left = (await readRecord(host.places.record))?.trial?.left;
    expect([3, 2]).toContain(left);
    expect(await started(host)).toBe(idle('0.2.0'));
  }
});

test('an agent that never becomes ready is started three times in all, over power cuts and restarts', async () => {
  const host = await makeHost();
  await deployed(host, '0.2.0', 2);
  const runs: string[] = [];
  for (let id = 1; id <= 5; id += 1) {
    await boot(host, { build: BUILD, id: `boot-${id}` });
    runs.push(await started(host));
  }
  expect(runs).toEqual([...Array(3).fill(idle('0.2.0')), 'image', 'image']);
  expect(await readRecord(host.places.record)).toMatchObject({
    active: null,
    takenBack: { version: '0.2.0', reason: 'it was started 3 times and did not become ready' },
  });
});
