import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { messageOf } from '../../error.ts';
import type { Task, TaskReport } from '../../proto/gen/quantix/v1/task_pb.js';
import { systemClock } from '../../watch/clock.ts';
import { computeBackOff } from './connection/back-off.ts';
import type { Connection } from './connection/connection.ts';
import { makeVersionMessage } from './version.ts';

/** Carries out the control plane's tasks. */
export interface Commands {
  /** Supported verbs, named as in `Task.verb`. */
  readonly verbs: readonly string[];
  /** @param ahead milliseconds that this host's clock is ahead of the control plane's */
  take(task: Task, ahead: number): void;
  cancel(id: string): void;
  /** Waits for a report; returns undefined when the signal is aborted. */
  nextReport(signal: AbortSignal): Promise<TaskReport | undefined>;
  acknowledge(report: TaskReport): void;
}

export interface CommandStreamOptions {
  readonly commands: Commands;
  /** Returns the present connection. */
  readonly connection: () => Connection;
  readonly agentVersion: string;
  /** The kernel's boot id. */
  readonly bootId: string;
  /** Called when the control plane requests a heartbeat, because its answer would contain news. */
  readonly onHeartbeatWanted: () => void;
  readonly log: (line: string) => void;
  readonly random: () => number;
}

/**
 * Seconds within which the stream must carry a message, unless the control plane sets another time; and the longest
 * time that it may set.
 */
const SIGN_OF_LIFE = { usual: 60, most: 600 };
/** Milliseconds before a control plane that does not support commands is asked again: it may have been updated. */
const WITHOUT_COMMANDS = 3_600_000;

/**
 * Keeps the stream of commands open, and sends reports. Network timeouts use real time, independent of the host's
 * clock.
 */
export class CommandStream {
  readonly #options: CommandStreamOptions;
  /** Aborted to end the pauses after failures. */
  #pauses = new AbortController();
  /** The control plane's clock, in milliseconds since 1970, when `performance.now()` was 0; undefined until it says. */
  #serverClock: number | undefined;

  constructor(options: CommandStreamOptions) {
    this.#options = options;
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#repeat(() => this.#hold(signal), signal),
      this.#repeat(() => this.#report(signal), signal),
    ]);
  }

  /**
   * Ends the pauses after failures, because the control plane answers other calls again. A control plane without
   * commands is not asked again.
   */
  retry(): void {
    this.#pauses.abort();
    this.#pauses = new AbortController();
  }

  /** Takes note of the control plane's clock: deadlines are in its time, and either clock may be set at any moment. */
  compare(serverTime: Timestamp | undefined): void {
    if (serverTime !== undefined) this.#serverClock = timestampMs(serverTime) - performance.now();
  }

  /** Returns the milliseconds that this host's clock is ahead of the control plane's now; 0 if that is not known. */
  #ahead(): number {
    return this.#serverClock === undefined
      ? 0
      : Date.now() - (this.#serverClock + performance.now());
  }

  /** Repeats work until the signal is aborted. Pauses after a failure; the pause grows until the work succeeds. */
  async #repeat(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { log, random } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await work();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const failure = ConnectError.from(error);
        failures += 1;
        if (failure.code === Code.Unimplemented) {
          await systemClock.sleep(WITHOUT_COMMANDS, signal);
          continue;
        }
        if (failures === 1) log(`commands of the control plane: ${messageOf(failure)}`);
        const ended = AbortSignal.any([signal, this.#pauses.signal]);
        await systemClock.sleep(computeBackOff(failures, random()), ended);
      }
    }
  }

  /** Opens the stream, and handles its messages until it ends. @throws the error that ended it */
  async #hold(signal: AbortSignal): Promise<void> {
    const { commands, connection, bootId, agentVersion, log } = this.#options;
    const silence = new AbortController();
    let patience = SIGN_OF_LIFE.usual;
    let timer: NodeJS.Timeout | undefined;
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), patience * 2000);
    };
    try {
      listen();
      const stream = connection().client.watch(
        { version: makeVersionMessage(agentVersion, commands.verbs), bootId },
        { signal: AbortSignal.any([signal, silence.signal]), timeoutMs: 0 },
      );
      for await (const { content } of stream) {
        listen();
        switch (content.case) {
          case 'opened': {
            const { signOfLifeSeconds: seconds, serverTime } = content.value;
            if (seconds > 0) patience = Math.min(seconds, SIGN_OF_LIFE.most);
            this.compare(serverTime);
            log('takes commands of the control plane');
            break;
          }
          case 'task':
            commands.take(content.value, this.#ahead());
            break;
          case 'cancelTaskId':
            commands.cancel(content.value);
            break;
          case 'heartbeatNow':
            this.#options.onHeartbeatWanted();
            break;
          default:
          // A keep-alive, or a message of a later version.
        }
      }
    } finally {
      clearTimeout(timer);
    }
    if (!signal.aborted) throw new ConnectError('the stream ended', Code.Unavailable);
  }

  /** Sends reports, one after the other. @throws the error of a call; the report stays queued */
  async #report(signal: AbortSignal): Promise<void> {
    const { commands, connection } = this.#options;
    for (;;) {
      const report = await commands.nextReport(signal);
      if (report === undefined) return;
      await connection().client.reportTask({ report }, { signal });
      commands.acknowledge(report);
    }
  }
}
