import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';

/** Difference between the two clocks, in milliseconds, above which it is logged. */
const FAR = 60_000;

/** Logs once when this host's clock and the control plane's differ, and once when they agree again. */
export class ClockWatch {
  readonly #log: (line: string) => void;
  #apart = false;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** Compares the clocks. @param now this host's clock, in milliseconds since 1970 */
  compare(serverTime: Timestamp | undefined, now: number): void {
    if (serverTime === undefined) return;
    const ahead = now - timestampMs(serverTime);
    const apart = Math.abs(ahead) > FAR;
    if (apart === this.#apart) return;
    this.#apart = apart;
    const seconds = Math.round(Math.abs(ahead) / 1000);
    this.#log(
      apart
        ? `this host’s clock is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the control plane’s`
        : 'this host’s clock agrees with the control plane’s again',
    );
  }
}
