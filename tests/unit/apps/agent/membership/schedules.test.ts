import { cp, rm } from 'node:fs/promises';
import type { Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makePoolMessage } from '../../../../../apps/agent/membership/reporting/pool-message.ts';
import { VmMessages } from '../../../../../apps/agent/membership/reporting/vm-message.ts';
import type {
  HeartbeatRequest,
  NotifyStorageChangeRequest,
  NotifyVMChangeRequest,
  SyncFullStateRequest,
} from '../../../../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { hashPools, hashVms } from '../../../../../apps/proto/state-hash.ts';
import type { ControlPlane } from '../../../../control-plane/control-plane.ts';
import { Ledger } from '../../../../control-plane/ledger.ts';
import { type Agent, members, WEB } from './agent.ts';

type Request =
  | HeartbeatRequest
  | SyncFullStateRequest
  | NotifyVMChangeRequest
  | NotifyStorageChangeRequest;

/** Fates of a message. */
const DELIVERIES = ['lost', 'answer lost', 'doubled', 'late', 'delivered'] as const;
type Delivery = (typeof DELIVERIES)[number];

type Step =
  | { readonly kind: 'machines'; readonly states: readonly number[] }
  | { readonly kind: 'address'; readonly last: number }
  | { readonly kind: 'messages'; readonly deliveries: readonly Delivery[] }
  | { readonly kind: 'arrival of what is late'; readonly which: number }
  | { readonly kind: 'restart'; readonly count: 'kept' | 'lost' | 'put back' }
  | { readonly kind: 'forgetful control plane' };

const STATES = ['running', 'paused', 'shutoff', 'crashed'] as const;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('machines' as const),
      states: fc.array(fc.nat(STATES.length - 1), { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('address' as const),
      last: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('messages' as const),
      deliveries: fc.array(fc.constantFrom(...DELIVERIES), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('arrival of what is late' as const),
      which: fc.nat(5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      count: fc.constantFrom('kept' as const, 'lost' as const, 'put back' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'forgetful control plane' as const }) },
);

/** Applies a message as the control plane does, without an answer. */
function apply(ledger: Ledger, message: Message): void {
  const request = message as Request;
  switch (request.$typeName) {
    case 'quantix.v1.SyncFullStateRequest':
      ledger.sync([request]);
      break;
    case 'quantix.v1.HeartbeatRequest':
      ledger.heartbeat(request);
      break;
    default:
      ledger.notify(request);
  }
}

/** A network that loses, doubles and delays messages by a schedule, and works afterwards. */
class Network {
  readonly late: Message[] = [];
  deliveries: Delivery[] = [];
  readonly #plane: ControlPlane;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    plane.fault = {
      before: ({ request }) => {
        const [delivery] = this.deliveries;
        if (delivery === 'late') this.late.push(request);
        if (delivery === 'lost' || delivery === 'late') this.#lose();
      },
      after: ({ request }) => {
        const delivery = this.deliveries.shift();
        if (delivery === 'doubled') apply(this.#plane.node().ledger, request);
        if (delivery === 'answer lost') throw new ConnectError('lost', Code.Unavailable);
      },
    };
  }

  arrive(which: number): void {
    const [message] = this.late.splice(which % Math.max(this.late.length, 1), 1);
    if (message !== undefined) apply(this.#plane.node().ledger, message);
  }

  #lose(): never {
    this.deliveries.shift();
    throw new ConnectError('lost', Code.Unavailable);
  }
}

async function take(step: Step, agent: Agent, plane: ControlPlane, network: Network) {
  switch (step.kind) {
    case 'machines':
      agent.vms = step.states.map((state, index) => ({
        ...WEB,
        id: `00000000-0000-4000-8000-00000000000${index}`,
        name: `ünïcode ${index}\n`,
        state: STATES[state] ?? 'running',
      }));
      agent.membership.changed();
      break;
    case 'address':
      agent.address = `192.0.2.${step.last}`;
      agent.membership.addressChanged();
      break;
    case 'messages':
      network.deliveries = [...step.deliveries];
      break;
    case 'arrival of what is late':
      network.arrive(step.which);
      break;
    case 'restart':
      await agent.stop();
      if (step.count === 'lost') await rm(`${agent.folder}/epoch`);
      if (step.count === 'put back')
        await cp(`${agent.folder}/epoch.first`, `${agent.folder}/epoch`);
      await agent.start();
      break;
    case 'forgetful control plane': {
      const { tasks } = plane.node();
      plane.nodes.set([...plane.nodes.keys()][0] ?? '', {
        ledger: new Ledger(),
        tasks,
        deleted: false,
      });
      break;
    }
  }
  await agent.clock.skip();
}

/** Returns the control plane's records. */
function recorded(plane: ControlPlane) {
  const { ledger } = plane.node();
  const { vms, pools } = ledger.hash(1);
  return { address: ledger.managementAddress, vms, pools };
}

/** Returns the real state of the host. */
function real({ address, vms, pools }: Agent) {
  return {
    address,
    vms: hashVms(new VmMessages().of(vms, 0)),
    pools: hashPools(pools.map((pool) => makePoolMessage(pool))),
  };
}

test('after any loss of messages, counters and records, the control plane ends with the host’s true state', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { plane, agent } = await members();
      await cp(`${agent.folder}/epoch`, `${agent.folder}/epoch.first`);
      const network = new Network(plane);
      for (const one of steps) await take(one, agent, plane, network);
      network.deliveries = [];
      while (network.late.length > 0) network.arrive(0);
      for (let pauses = 0; pauses < 12; pauses += 1) await agent.clock.skip();
      await expect.poll(() => recorded(plane)).toEqual(real(agent));
      await agent.stop();
    }),
    { numRuns: 20 },
  );
}, 300_000);
