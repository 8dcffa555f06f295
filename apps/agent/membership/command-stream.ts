import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { messageOf } from '../../error.ts';
import type { Task, TaskReport } from '../../proto/gen/quantix/v1/task_pb.js';
import { systemClock } from '../../watch/clock.ts';
import { backOff } from './connection/back-off.ts';
import type { Connection } from './connection/connection.ts';
import { ourVersion } from './version.ts';

/** Who does what the control plane wants done. */
export interface Commands {
  /** Verbs that are known, as `Task.verb` names them. */
  readonly verbs: readonly string[];
  /** @param ahead milliseconds that this host's clock is ahead of the control plane's */
  take(task: Task, ahead: number): void;
  cancel(id: string): void;
  /** Waits for something to report; undefined when the signal is given. */
  nextReport(signal: AbortSignal): Promise<TaskReport | undefined>;
  acknowledge(report: TaskReport): void;
}

export interface CommandStreamOptions {
  readonly commands: Commands;
  /** The connection at this moment. */
  readonly connection: () => Connection;
  readonly agentVersion: string;
  /** The kernel's boot id. */
  readonly bootId: string;
  /** The control plane has something new to say in the answer to a heartbeat. */
  readonly onHeartbeatWanted: () => void;
  readonly log: (line: string) => void;
  readonly random: () => number;
}

/** Seconds within which something comes down the stream, until the control plane says otherwise; and at most. */
const SIGN_OF_LIFE = { usual: 60, most: 600 };
/** Milliseconds until a control plane that knows no commands is asked again: it may have been updated. */
const WITHOUT_COMMANDS = 3_600_000;

/**
 * Holds the stream of commands open, and tells how far they are. What the network does takes real time, whatever the
 * host's clock shows.
 */
export class CommandStream {
  readonly #options: CommandStreamOptions;

  constructor(options: CommandStreamOptions) {
    this.#options = options;
  }

  /** Comes back when the signal is given. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#repeat(() => this.#hold(signal), signal),
      this.#repeat(() => this.#report(signal), signal),
    ]);
  }

  /** Does something again and again; after a failure with a pause that grows until it succeeds. */
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
        const unknown = failure.code === Code.Unimplemented;
        if (failures === 1 && !unknown) log(`commands of the control plane: ${messageOf(failure)}`);
        const pause = unknown ? WITHOUT_COMMANDS : backOff(failures, random());
        await systemClock.sleep(pause, signal);
      }
    }
  }

  /** Opens the stream, and takes what comes down it until it ends. @throws the error that ended it */
  async #hold(signal: AbortSignal): Promise<void> {
    const { commands, connection, bootId, agentVersion, log } = this.#options;
    const silence = new AbortController();
    let patience = SIGN_OF_LIFE.usual;
    let timer: NodeJS.Timeout | undefined;
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), patience * 2000);
    };
    let ahead = 0;
    try {
      listen();
      const stream = connection().client.watch(
        { version: ourVersion(agentVersion, commands.verbs), bootId },
        { signal: AbortSignal.any([signal, silence.signal]), timeoutMs: 0 },
      );
      for await (const { content } of stream) {
        listen();
        switch (content.case) {
          case 'opened': {
            const { signOfLifeSeconds: seconds, serverTime } = content.value;
            if (seconds > 0) patience = Math.min(seconds, SIGN_OF_LIFE.most);
            if (serverTime !== undefined) ahead = Date.now() - timestampMs(serverTime);
            log('takes commands of the control plane');
            break;
          }
          case 'task':
            commands.take(content.value, ahead);
            break;
          case 'cancelTaskId':
            commands.cancel(content.value);
            break;
          case 'heartbeatNow':
            this.#options.onHeartbeatWanted();
            break;
          default:
          // A sign of life, or something that a later version knows.
        }
      }
    } finally {
      clearTimeout(timer);
    }
    if (!signal.aborted) throw new ConnectError('the stream ended', Code.Unavailable);
  }

  /** Tells how far tasks are, one report after the other. @throws the error of a call; the report stays */
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
