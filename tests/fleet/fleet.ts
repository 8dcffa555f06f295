import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { FleetAgent } from './agent.ts';
import type { Plane } from './plane.ts';

/** Number of hosts that join, start or end at the same time; each joins with a new key. */
const AT_ONCE = 32;

/** Options of `Fleet.start`. */
export interface FleetOptions {
  readonly agents: number;
  /** Virtual machines of each host. */
  readonly vms: number;
  /** Random numbers from 0 to 1; with 0, agents do not delay their requests. */
  readonly random?: () => number;
  /** Receives the log of agents, with the name of the host. */
  readonly log?: (line: string) => void;
}

/** Many agents of simulated hosts in one process. Disposing of it ends them and removes their files. */
export class Fleet implements AsyncDisposable {
  readonly agents: readonly FleetAgent[];
  readonly #folder: string;

  private constructor(folder: string, agents: readonly FleetAgent[]) {
    this.#folder = folder;
    this.agents = agents;
  }

  /** Starts agents that have not joined a control plane. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const { agents: count, vms, random = Math.random, log } = options;
    const folder = await mkdtemp(join(tmpdir(), 'quantix-fleet-'));
    const agents = Array.from({ length: count }, (_, index) => {
      const say = (line: string) => log?.(`host-${index}: ${line}`);
      return new FleetAgent({ folder: join(folder, `${index}`), index, vms, random, log: say });
    });
    for (const index of agents.keys()) await mkdir(join(folder, `${index}`));
    const fleet = new Fleet(folder, agents);
    await fleet.#each((agent) => agent.start());
    return fleet;
  }

  /** Joins all agents to a control plane, each with its own token. @throws AgentError */
  async join(plane: Plane): Promise<void> {
    await this.#each(async (agent) => agent.join(plane.origin, await plane.token()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#each((agent) => agent.kill());
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #each(work: (agent: FleetAgent) => Promise<void>): Promise<void> {
    const limit = pLimit(AT_ONCE);
    await Promise.all(this.agents.map((agent) => limit(() => work(agent))));
  }
}
