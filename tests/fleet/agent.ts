import { join } from 'node:path';
import { Commander } from '../../apps/agent/commands/commander.ts';
import { Journal } from '../../apps/agent/commands/journal.ts';
import { readNodeConfig } from '../../apps/agent/configuration/node-config.ts';
import { type Membership, startMembership } from '../../apps/agent/membership/membership.ts';
import { poolDeclarationsSchema } from '../../apps/storage/declaration.ts';
import { type Clock, systemClock } from '../../apps/watch/clock.ts';
import { FakeHost } from './fake-host.ts';

export interface AgentOptions {
  /** What its host keeps over a restart lies here. */
  readonly folder: string;
  /** Its number in the fleet, from 0. */
  readonly index: number;
  /** Virtual machines of its host in the beginning. */
  readonly vms: number;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

/** The agent of a host that is not there: all that speaks to the control plane, and does what it wants, is the real one. */
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

  /** As the control plane knows it; empty before it has joined. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** Whether the agent runs, and holds itself for connected. */
  get isConnected(): boolean {
    return this.#membership?.status.state === 'connected';
  }

  /** What is wrong, in the agent's own words. */
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

  /** The agent is gone, in the middle of whatever it does; what its host has stays. */
  async kill(): Promise<void> {
    this.#life.abort();
    const membership = this.#membership;
    this.#membership = undefined;
    await membership?.finished;
  }

  /** The host has another address from now on. */
  changeAddress(address: string): void {
    this.host.address = address;
    this.#membership?.addressChanged();
  }

  /** Somebody sets the host's clock. @param ahead milliseconds */
  setClock(ahead: number): void {
    this.#ahead = ahead;
  }

  #now(): number {
    return systemClock.now() + this.#ahead;
  }
}
