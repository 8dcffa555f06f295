import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import type { Plane, Recorded } from './plane.ts';

/** A control plane in memory to test a fleet against. */
export class MemoryPlane implements Plane {
  readonly #plane: ControlPlane;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
  }

  get origin(): string {
    return this.#plane.api.origin;
  }

  async token(): Promise<string> {
    return this.#plane.token();
  }

  async recorded(form: number): Promise<Map<string, Recorded>> {
    const nodes = [...this.#plane.nodes].map(([id, { ledger }]): [string, Recorded] => {
      const { vms, pools } = ledger.hash(form);
      return [id, { vms, pools, managementAddress: ledger.managementAddress }];
    });
    return new Map(nodes);
  }

  async contradictions(): Promise<string[]> {
    // A ledger belongs to its node, and its hash is computed on request.
    return [];
  }

  async act(nodeId: string, verb: 'startVm' | 'shutdownVm', vmId: string): Promise<void> {
    this.#plane.nodes.get(nodeId)?.tasks.give({ verb: { case: verb, value: { vmId } } });
  }

  async overdue(): Promise<string[]> {
    const late = this.#unfinished().filter(
      ({ expiresAt }) => expiresAt === undefined || timestampMs(expiresAt) < Date.now(),
    );
    return late.map(({ id }) => id);
  }

  async openTasks(): Promise<number> {
    return this.#unfinished().length;
  }

  #unfinished() {
    return [...this.#plane.nodes.values()].flatMap(({ tasks }) => tasks.unfinished());
  }
}
