import { join } from 'node:path';
import { Commander } from '../../apps/agent/commands/commander.ts';
import { Journal } from '../../apps/agent/commands/journal.ts';
import { readNodeConfig } from '../../apps/agent/configuration/node-config.ts';
import { type Membership, startMembership } from '../../apps/agent/membership/membership.ts';
import { poolDeclarationsSchema } from '../../apps/storage/declaration.ts';
import { type Clock, systemClock } from '../../apps/watch/clock.ts';
import { FakeHost } from './fake-host.ts';

/** Options of a `FleetAgent`. */
export interface AgentOptions {
  /** Folder with the persistent files of its host. */
  readonly folder: string;
  /** Its number in the fleet, from 0. */
  readonly index: number;
  /** Initial number of virtual machines of its host. */
  readonly vms: number;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

/** The agent of a simulated host: communication and the execution of tasks are the real code. */
export class FleetAgent {
  readonly host: FakeHost;
  readonly #options: AgentOptions;
  #nodeId = '';
  /** Milliseconds that the host's clock is ahead. */
  #ahead = 0;
  #membership: Membership | undefined;
  #life = new AbortController();

  constructor(options: AgentOptions) {
    this.#options = options;
    this.host = new FakeHost(options.index, options.vms);
    this.host.onChange = () => this.#membership?.changed();
  }

  /** Id of the node in the control plane; empty before it has joined. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** Whether the agent runs, and reports that it is connected. */
  get isConnected(): boolean {
    return this.#membership?.status.state === 'connected';
  }

  /** The agent's description of its problem. */
  get problem(): string {
    const { state, problem } = this.#membership?.status ?? { state: 'not running', problem: null };
    return problem === null ? state : `${state}: ${problem}`;
  }

  /** Starts the agent, as at boot. */
  async start(): Promise<void> {
    const { folder, random, log } = this.#options;
    const { host } = this;
    const { config } = await readNodeConfig(join(folder, 'node.yaml'), poolDeclarationsSchema);
    this.#life = new AbortController();
    const { signal } = this.#life;
    const clock: Clock = { ...systemClock, now: () => this.#now() };
    const openCommands = async () => {
      const journal = await Journal.open(join(folder, 'tasks.json'), log);
      const { executors } = host;
      return new Commander({ journal, executors, log, now: clock.now, signal });
    };
    this.#membership = startMembership({
      folder,
      config,
      facts: host.facts,
      agentVersion: '1.0.0',
      openCommands,
      isPersistent: async () => true,
      log,
      clock,
      random,
      signal,
    });
  }

  /** Joins a control plane. @throws AgentError */
  async join(controlPlane: string, token: string): Promise<void> {
    const joined = await this.#membership?.join({ controlPlane, token });
    this.#nodeId = joined?.nodeId ?? '';
  }

  /** Ends the agent abruptly; the state of its host stays. */
  async kill(): Promise<void> {
    this.#life.abort();
    const membership = this.#membership;
    this.#membership = undefined;
    await membership?.finished;
  }

  /** Changes the host's address. */
  changeAddress(address: string): void {
    this.host.address = address;
    this.#membership?.addressChanged();
  }

  /** Sets the host's clock. @param ahead milliseconds */
  setClock(ahead: number): void {
    this.#ahead = ahead;
  }

  #now(): number {
    return systemClock.now() + this.#ahead;
  }
}
